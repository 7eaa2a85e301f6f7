// Connections that come and go at a given rate, by thousands, from one thread; it knows nothing of pgassay.
//
//   churn_client PORT USER DATABASE CONNECTIONS PER_SECOND
//       opens CONNECTIONS, then says "ready N"; for each line "SECONDS" on its input it ends the oldest and opens
//       another PER_SECOND times a second for that long, and says how often it did. One in ten goes without a word, one
//       with an open transaction. Each new one runs a statement with a parameter. At the end of its input it ends all.
//   churn_client serve
//       says the port at which it answers like a server that trusts everybody and knows one row.
//
// Both on 127.0.0.1. Exit code: 1 if a connection is refused, ends by itself or is told of an error; 2 for bad usage.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr int kEventsPerWait = 256;
constexpr size_t kReadBytes = 16384;

double NowSeconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void Fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

std::string Int32(size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
  return bytes;
}

uint32_t ReadInt32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string Message(char type, std::string_view body = {}) { return type + Int32(body.size() + 4) + std::string(body); }

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void AllowDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// A socket and what of its stream is not taken apart yet.
struct Peer {
  explicit Peer(int descriptor) : fd(descriptor) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { ::close(fd); }

  void Say(std::string_view bytes) const {  // some hundred bytes: a socket's buffer has room for them
    if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) Fail("send");
  }
  bool Hear() {  // false: the stream has ended
    std::array<char, kReadBytes> buffer;
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) return false;
    heard.append(buffer.data(), static_cast<size_t>(got));
    return true;
  }
  // The next whole message; its type is 0 if there is none.
  std::pair<char, std::string> Next() {
    if (heard.size() < 5) return {};
    const size_t length = 1 + size_t{ReadInt32(std::string_view(heard).substr(1))};
    if (heard.size() < length) return {};
    std::pair<char, std::string> message(heard[0], heard.substr(5, length - 5));
    heard.erase(0, length);
    return message;
  }

  int fd;
  std::string heard;
  bool logged_in = false;
  bool answered = false;  // the client's: its statement has been
};

class Poll {
 public:
  Poll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {}
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  ~Poll() { ::close(fd_); }

  void Add(int fd, Peer* peer) const {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = peer}};
    if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) Fail("epoll_ctl");
  }
  template <class Callback>
  void Wait(int milliseconds, Callback&& callback) const {
    std::array<epoll_event, kEventsPerWait> events;
    const int count = ::epoll_wait(fd_, events.data(), kEventsPerWait, milliseconds);
    for (int i = 0; i < count; ++i) callback(static_cast<Peer*>(events[static_cast<size_t>(i)].data.ptr));
  }

 private:
  int fd_;
};

// ------------------------------------------------------------------------------------------------------- the clients

class Churn {
 public:
  Churn(uint16_t port, const std::string& user, const std::string& database) : port_(port) {
    const std::string body = "\0\3\0\0user\0"s + user + "\0database\0"s + database + "\0application_name\0churn\0\0"s;
    startup_ = Int32(body.size() + 4) + body;
    statement_ = Message('P', "\0SELECT $1::int + 1\0\0\0"sv) + Message('B', "\0\0\0\0\0\1\0\0\0\00242\0\0"sv) +
                 Message('D', "P\0"sv) + Message('E', "\0\0\0\0\0"sv) + Message('S');
  }

  void Open(size_t connections) {
    while (peers_.size() < connections) {
      Add();
      while (unanswered_ > kAtATime) Wait(100);
    }
    while (unanswered_ > 0) Wait(100);
  }

  uint64_t Run(double seconds, double per_second) {
    const double begun = NowSeconds();
    uint64_t done = 0;
    for (double now = begun; now - begun < seconds; now = NowSeconds()) {
      const bool due = static_cast<double>(done) < (now - begun) * per_second && unanswered_ < kAtATime;
      if (due) {
        EndOldest(done);
        Add();
        ++done;
      }
      Wait(due ? 0 : 1);
    }
    while (unanswered_ > 0) Wait(100);
    return done;
  }

 private:
  static constexpr size_t kAtATime = 32;  // logins in progress: a server's backlog is short

  void Add() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) Fail("socket");
    peers_.push_back(std::make_unique<Peer>(fd));
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const sockaddr_in address = Loopback(port_);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Fail("connect");
    peers_.back()->Say(startup_);
    poll_.Add(fd, peers_.back().get());
    ++unanswered_;
  }

  void EndOldest(uint64_t number) {
    const std::unique_ptr<Peer> leaving = std::move(peers_.front());
    peers_.pop_front();
    if (!leaving->answered) --unanswered_;
    if (number % 10 == 1) leaving->Say(Message('Q', "BEGIN\0"sv));
    if (number % 10 != 0) leaving->Say(Message('X'));
  }

  void Wait(int milliseconds) {
    poll_.Wait(milliseconds, [this](Peer* peer) {
      if (!peer->Hear()) throw std::runtime_error("a connection was ended");
      for (auto message = peer->Next(); message.first != 0; message = peer->Next()) On(*peer, message);
    });
  }

  void On(Peer& peer, const std::pair<char, std::string>& message) {
    if (message.first == 'E') throw std::runtime_error("told of an error: " + message.second);
    if (message.first != 'Z') return;
    if (!peer.logged_in) {
      peer.logged_in = true;
      peer.Say(statement_);
    } else {
      peer.answered = true;
      --unanswered_;
    }
  }

  uint16_t port_;
  std::string startup_, statement_;
  Poll poll_;
  std::deque<std::unique_ptr<Peer>> peers_;
  size_t unanswered_ = 0;
};

int RunClients(char** arguments) {
  Churn churn(static_cast<uint16_t>(std::atoi(arguments[0])), arguments[1], arguments[2]);
  const double per_second = std::atof(arguments[4]);
  churn.Open(static_cast<size_t>(std::atoi(arguments[3])));
  std::printf("ready %s\n", arguments[3]);
  std::fflush(stdout);
  for (char line[64]; std::fgets(line, sizeof line, stdin) != nullptr;) {
    std::printf("%llu\n", static_cast<unsigned long long>(churn.Run(std::atof(line), per_second)));
    std::fflush(stdout);
  }
  return 0;
}

// -------------------------------------------------------------------------------------------------------- the server

const std::string& LoginAnswer() {
  static const std::string answer = Message('R', Int32(0)) + Message('S', "server_version\00015.0\0"sv) +
                                    Message('K', Int32(1) + Int32(2)) + Message('Z', "I");
  return answer;
}

// False once the client has gone.
bool Serve(Peer& peer) {
  if (!peer.Hear()) return false;
  if (!peer.logged_in) {
    if (peer.heard.size() < 8 || peer.heard.size() < ReadInt32(peer.heard)) return true;
    const std::string_view first = peer.heard;
    constexpr uint32_t kSslRequest = 80877103;
    if (ReadInt32(first.substr(4)) == kSslRequest) {
      peer.heard.erase(0, 8);
      peer.Say("N");
      return true;
    }
    peer.heard.erase(0, ReadInt32(first));
    peer.logged_in = true;
    peer.Say(LoginAnswer());
  }
  static const std::string described = Message('T',
                                               "\0\1"
                                               "sum\0"
                                               "\0\0\0\0"
                                               "\0\0"
                                               "\0\0\0\x17"
                                               "\0\4"
                                               "\xff\xff\xff\xff"
                                               "\0\0"sv);
  static const std::string row = Message('D', "\0\1\0\0\0\00243"sv) + Message('C', "SELECT 1\0"sv);
  std::string answer;
  for (auto message = peer.Next(); message.first != 0; message = peer.Next()) {
    switch (message.first) {
      case 'P':
        answer += Message('1');
        break;
      case 'B':
        answer += Message('2');
        break;
      case 'D':
        answer += described;
        break;
      case 'E':
        answer += row;
        break;
      case 'S':
        answer += Message('Z', "I");
        break;
      case 'Q':
        answer += Message('C', "BEGIN\0"sv) + Message('Z', "T");
        break;
      default:
        return false;
    }
  }
  if (!answer.empty()) ::send(peer.fd, answer.data(), answer.size(), MSG_NOSIGNAL);  // it may have gone
  return true;
}

int RunServer() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Fail("bind");
  if (::listen(listener, SOMAXCONN) != 0) Fail("listen");
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  const Poll poll;
  poll.Add(listener, nullptr);
  for (;;) {
    poll.Wait(-1, [&](Peer* peer) {
      if (peer != nullptr) {
        if (!Serve(*peer)) delete peer;
        return;
      }
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      poll.Add(fd, new Peer(fd));
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  AllowDescriptors();
  try {
    if (argc == 2 && std::string_view(argv[1]) == "serve") return RunServer();
    if (argc == 6) return RunClients(argv + 1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "churn_client: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: churn_client PORT USER DATABASE CONNECTIONS PER_SECOND | churn_client serve\n");
  return 2;
}
