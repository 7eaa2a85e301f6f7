// A relay in a thread of the test, between sockets that the test holds at both ends: what a client or a server does is
// written out in each test. Every call waits at most a few seconds, so that a test fails instead of hanging.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/relay/relay.h"
#include "proxy/relay/sockets.h"

namespace pgassay::relay::testing {

constexpr std::chrono::milliseconds kPatience{5000};

inline std::string Uint32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}
inline std::string Message(char type, std::string_view body) {
  return std::string(1, type) + Uint32(static_cast<uint32_t>(body.size() + 4)) + std::string(body);
}
inline std::string StartupMessage() {
  const std::string body = Uint32(3 << 16) + std::string("user\0app\0database\0shop\0\0", 24);
  return Uint32(static_cast<uint32_t>(body.size() + 4)) + body;
}
inline std::string SslRequest() { return Uint32(8) + Uint32(80877103); }
inline std::string GssEncRequest() { return Uint32(8) + Uint32(80877104); }
inline std::string CancelRequest(std::string_view key) {
  return Uint32(static_cast<uint32_t>(8 + key.size())) + Uint32(80877102) + std::string(key);
}
// AuthenticationOk, BackendKeyData, ReadyForQuery
inline std::string LoginReply(std::string_view key) {
  return Message('R', Uint32(0)) + Message('K', key) + Message('Z', "I");
}

// One end of a connection, blocking, with patience.
class Socket {
 public:
  explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {
    const timeval limit{kPatience.count() / 1000, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  int fd() const { return fd_.get(); }
  void Send(std::string_view bytes) {
    ASSERT_EQ(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // Exactly `size` bytes, or fewer when the stream ended or patience did.
  std::string Receive(size_t size) {
    std::string bytes(size, '\0');
    size_t had = 0;
    while (had < size) {
      const ssize_t got = ::recv(fd(), bytes.data() + had, size - had, 0);
      if (got <= 0) break;
      had += static_cast<size_t>(got);
    }
    bytes.resize(had);
    return bytes;
  }
  std::string ReceiveAll() {
    std::string bytes;
    std::array<char, 4096> buffer{};
    ssize_t got = 0;
    while ((got = ::recv(fd(), buffer.data(), buffer.size(), 0)) > 0)
      bytes.append(buffer.data(), static_cast<size_t>(got));
    last_error_ = got < 0 ? errno : 0;
    return bytes;
  }
  bool SeesEndOfStream() { return ReceiveAll().empty() && last_error_ == 0; }
  bool SeesReset() {
    ReceiveAll();
    return last_error_ == ECONNRESET;
  }
  bool HasNothingToReadFor(std::chrono::milliseconds time) const {
    pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, static_cast<int>(time.count())) == 0;
  }
  void EndSending() { ::shutdown(fd(), SHUT_WR); }
  void Reset() { CloseWithReset(fd_); }
  void Close() { fd_.Reset(); }

 private:
  UniqueFd fd_;
  int last_error_ = 0;
};

// A listening socket at which the test plays the server.
class FakeServer {
 public:
  explicit FakeServer(const Address& address) {
    Result<UniqueFd> fd = Listen(address);
    EXPECT_TRUE(fd) << (fd ? "" : fd.error().message);
    if (!fd) return;
    fd_ = std::move(*fd);
    address_ = ToAddress(LocalAddress(fd_.get()));
  }
  const Address& address() const { return address_; }
  bool HasCaller(std::chrono::milliseconds within) const {
    pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, static_cast<int>(within.count())) == 1;
  }
  Socket Accept() {
    EXPECT_TRUE(HasCaller(kPatience)) << "nobody called the server";
    return Socket(UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }

 private:
  UniqueFd fd_;
  Address address_;
};

inline Address Ipv4() { return {.host = "127.0.0.1", .port = 0, .unix_path = ""}; }
inline Address Ipv6() { return {.host = "::1", .port = 0, .unix_path = ""}; }

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = ::testing::TempDir() + "relay-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~TemporaryFolder() { ::rmdir(path_.c_str()); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  Address UnixSocket(std::string_view name) const {
    return {.host = "", .port = 0, .unix_path = path_ + "/" + std::string(name)};
  }

 private:
  std::string path_;
};

class RunningRelay {
 public:
  explicit RunningRelay(RelayOptions options, int drain_ms = 0)
      : options_(std::move(options)), key_(HashKey::ForTests(1)) {
    const size_t loops = static_cast<size_t>(options_.threads);
    size_ = sizeof(SharedTotals) + loops * kRingBytes;
    memory_ =
        static_cast<std::byte*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    totals_ = new (memory_) SharedTotals{};
    for (size_t i = 0; i < loops; ++i) rings_.push_back(AttachRing(i));
    Result<std::vector<Listener>> listeners = BindListeners(options_);
    EXPECT_TRUE(listeners) << (listeners ? "" : listeners.error().message);
    for (const Listener& listener : *listeners) bound_.push_back(listener.bound);
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    stop_read_ = UniqueFd(ends[0]);
    stop_write_ = UniqueFd(ends[1]);
    thread_ = std::thread([this, drain_ms, taken = std::move(*listeners)]() mutable {
      const Result<> served = Serve(options_, std::move(taken), {.rings = rings_, .totals = totals_, .key = &key_},
                                    stop_read_.get(), drain_ms);
      EXPECT_TRUE(served) << (served ? "" : served.error().message);
    });
  }
  ~RunningRelay() {
    Stop();
    ::munmap(memory_, size_);
  }
  RunningRelay(const RunningRelay&) = delete;
  RunningRelay& operator=(const RunningRelay&) = delete;

  void AskToStop() { stop_write_.Reset(); }
  void Stop() {
    AskToStop();
    if (thread_.joinable()) thread_.join();
  }
  bool done() const { return totals_->relay_done.load() != 0; }
  const Address& bound(size_t route = 0) const { return bound_[route]; }
  SharedTotals& totals() { return *totals_; }
  SharedRing AttachRing(size_t loop) {
    return SharedRing::Attach({memory_ + sizeof(SharedTotals) + loop * kRingBytes, kRingBytes});
  }
  uint64_t Total(std::atomic<uint64_t> LoopTotals::* field) const {
    uint64_t sum = 0;
    for (const LoopTotals& loop : totals_->loops) sum += (loop.*field).load();
    return sum;
  }
  bool WaitForTotal(std::atomic<uint64_t> LoopTotals::* field, uint64_t value) const {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (Total(field) != value && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Total(field) == value;
  }
  Socket Connect(size_t route = 0) const {
    Result<UniqueFd> fd = DialAndWait(bound_[route], kPatience);
    EXPECT_TRUE(fd) << (fd ? "" : fd.error().message);
    return Socket(std::move(*fd));
  }

 private:
  static constexpr size_t kRingBytes = (1 << 20) + 4096;

  RelayOptions options_;
  HashKey key_;
  size_t size_ = 0;
  std::byte* memory_ = nullptr;
  SharedTotals* totals_ = nullptr;
  std::vector<SharedRing> rings_;
  std::vector<Address> bound_;
  UniqueFd stop_read_;
  UniqueFd stop_write_;
  std::thread thread_;
};

inline RelayOptions OneRoute(const Address& listen, const Address& upstream) {
  return {.routes = {{.listen = listen, .upstream = upstream}}};
}

}  // namespace pgassay::relay::testing
