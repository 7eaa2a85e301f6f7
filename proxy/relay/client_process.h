// Which process holds the client's end of a loopback connection, so that connections of one application can be told to
// belong together. The kernel names the socket's inode (sock_diag for one address pair, else /proc/net/tcp); the
// process that has it open is looked for in /proc/PID/fd, among the processes met before and then among all. That takes
// milliseconds where there are many processes, so it happens in a thread of its own, and at most kScansPerSecond times
// over all of them. What cannot be seen (another user's process, another machine) is 0. Unix sockets need none of this:
// PeerProcess() asks the socket.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "proxy/relay/sockets.h"

namespace pgassay::relay {

int32_t PeerProcess(int unix_fd);

struct ClientPid {
  static constexpr int32_t kPending = -1;
  std::atomic<int32_t> value = kPending;
};

class ClientProcessFinder {
 public:
  ClientProcessFinder();
  ~ClientProcessFinder();
  ClientProcessFinder(const ClientProcessFinder&) = delete;
  ClientProcessFinder& operator=(const ClientProcessFinder&) = delete;

  // Any thread. The answer appears in the returned value; a connection that cannot be looked up is answered at once.
  std::shared_ptr<const ClientPid> Find(const SocketAddress& client, const SocketAddress& us);

 private:
  static constexpr int kScansPerSecond = 50;

  struct Question {
    SocketAddress client;
    SocketAddress us;
    std::shared_ptr<ClientPid> answer;
  };
  void Run();
  std::optional<Question> Next();
  int32_t Answer(const Question& question);
  bool MayScan();

  std::vector<int32_t> known_;  // processes met before, the latest first
  int scans_ = 0;
  int64_t scans_since_ns_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> questions_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pgassay::relay
