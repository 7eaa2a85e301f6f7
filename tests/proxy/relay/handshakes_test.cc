// Many TLS handshakes at once, beside a connection that is at work.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "proxy/relay/tls.h"
#include "tests/proxy/relay/relay_fixture.h"

namespace pgassay::relay {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class Certificates {
 public:
  Certificates() {
    std::string path = ::testing::TempDir() + "handshakes-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    EXPECT_TRUE(MakeDevelopmentCertificates(folder_));
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ClientTlsOptions Own() const {
    return {.certificate_file = folder_ + "/localhost.crt", .key_file = folder_ + "/localhost.key"};
  }

 private:
  std::string folder_;
};

// A ClientHello, which any number of connections may begin with.
std::string ClientHello() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const UniqueFd client(ends[0]);
  const UniqueFd server(ends[1]);
  UpstreamTlsOptions options;
  options.mode = UpstreamTlsMode::kRequire;
  const Result<TlsContext> context = TlsContext::ForUpstream(options);
  Result<TlsStream> stream = TlsStream::Connect(*context, client.get(), "localhost");
  EXPECT_EQ(stream->Handshake(), TlsStatus::kWantRead);
  std::string hello(kTlsRecordBytes, '\0');
  const ssize_t size = ::recv(server.get(), hello.data(), hello.size(), 0);
  hello.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  return hello;
}

// Whether a statement overtakes some of the handshakes that were asked for before it.
bool Overtakes(const RunningRelay& relay, Socket& client, Socket& server, const std::string& hello) {
  constexpr int kHandshakes = 40;
  std::vector<Socket> newcomers;
  for (int i = 0; i < kHandshakes; ++i) {
    newcomers.push_back(relay.Connect());
    newcomers.back().Send(SslRequest());
    EXPECT_EQ(newcomers.back().Receive(1), "S");
  }
  for (Socket& newcomer : newcomers) newcomer.Send(hello);
  const std::string query = Message('Q', std::string("select 1\0", 9));
  client.Send(query);
  EXPECT_EQ(server.Receive(query.size()), query);
  return std::ranges::any_of(newcomers, [](const Socket& socket) { return socket.HasNothingToReadFor(0ms); });
}

// Which of them comes first is the scheduler's affair too, but in one of a hundred tries it lets us see.
TEST(Handshakes, DoNotHoldUpWhatFlows) {
  const Certificates certificates;
  FakeServer upstream(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  options.client_tls = certificates.Own();
  RunningRelay relay(options);
  Socket client = relay.Connect();
  client.Send(StartupMessage());
  Socket server = upstream.Accept();
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  const std::string hello = ClientHello();
  bool overtook = false;
  for (int i = 0; i < 100 && !overtook; ++i) overtook = Overtakes(relay, client, server, hello);
  EXPECT_TRUE(overtook);
}

}  // namespace
}  // namespace pgassay::relay
