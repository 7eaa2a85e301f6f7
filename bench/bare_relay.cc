// The yardstick of bench/overhead: what a proxy over plain sockets costs at the least. One thread, level-triggered
// epoll, one recv and one send per readiness, no look at the bytes, nothing recorded. Loopback only, and no care for
// slow readers beyond waiting for them: it measures, it does not serve.
//
//   bare_relay LISTEN_PORT UPSTREAM_PORT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr int kEventsPerWait = 64;

struct Pair;

struct Leg {
  int fd;
  Leg* other;
  Pair* pair;
};

struct Pair {
  Leg client;
  Leg server;
  bool closed = false;
};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void NoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool SendAll(int fd, const char* bytes, ssize_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) {
      pollfd wait{fd, POLLOUT, 0};
      poll(&wait, 1, -1);
      continue;
    }
    bytes += sent;
    size -= sent;
  }
  return true;
}

class BareRelay {
 public:
  BareRelay(int epoll, int listener, uint16_t upstream) : epoll_(epoll), listener_(listener), upstream_(upstream) {}

  void Run() {
    std::array<epoll_event, kEventsPerWait> events{};
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), kEventsPerWait, -1);
      for (int i = 0; i < count; ++i) {
        auto* leg = static_cast<Leg*>(events[static_cast<size_t>(i)].data.ptr);
        if (leg == nullptr) {
          Accept();
        } else if (!leg->pair->closed) {
          Pass(*leg);
        }
      }
      closed_.clear();
    }
  }

 private:
  void Add(int fd, Leg* leg) const {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = leg}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void Accept() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(upstream_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      close(client);
      close(server);
      return;
    }
    NoDelay(client);
    NoDelay(server);
    auto* pair = new Pair{};
    pair->client = {client, &pair->server, pair};
    pair->server = {server, &pair->client, pair};
    Add(client, &pair->client);
    Add(server, &pair->server);
  }

  void Pass(Leg& leg) {
    const ssize_t got = recv(leg.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got > 0 && SendAll(leg.other->fd, buffer_.data(), got)) return;
    leg.pair->closed = true;
    close(leg.fd);
    close(leg.other->fd);
    closed_.emplace_back(leg.pair);
  }

  int epoll_;
  int listener_;
  uint16_t upstream_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  std::vector<std::unique_ptr<Pair>> closed_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bare_relay LISTEN_PORT UPSTREAM_PORT\n", stderr);
    return 2;
  }
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = Loopback(static_cast<uint16_t>(std::atoi(argv[1])));
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 || listen(listener, 128) != 0) {
    std::perror("bare_relay: cannot listen");
    return 2;
  }
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  BareRelay(epoll, listener, static_cast<uint16_t>(std::atoi(argv[2]))).Run();
}
