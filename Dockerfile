# docker build -t pgassay .
# docker run --rm -v pgassay-trace:/trace pgassay report /trace/pgassay.db
FROM debian:bookworm AS build
WORKDIR /src
COPY . .
RUN scripts/package deb

FROM debian:bookworm-slim
COPY --from=build /src/build/packages/*.deb /tmp/
RUN apt-get update \
 && apt-get install -y --no-install-recommends /tmp/pgassay_*.deb \
 && rm -rf /tmp/*.deb /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /trace --shell /usr/sbin/nologin pgassay \
 && install -d -m 0750 -o pgassay -g pgassay /trace
USER 10001:10001
WORKDIR /trace
VOLUME /trace
ENTRYPOINT ["pgassay"]
