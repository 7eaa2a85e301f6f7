// Which process holds the client's end of a loopback connection, so that connections of one application can be told to
// belong together. The kernel names the socket's inode (sock_diag for one address pair, else /proc/net/tcp); the
// process that has it open is looked for in /proc/PID/fd, among the processes met before and then among all. That takes
// milliseconds where there are many processes, so it happens in a thread of its own, and at most kScansPerSecond times
// over all of them. What cannot be seen (another user's process, another machine) is 0. Unix sockets need none of this:
// PeerProcess() asks the socket.
#pragma once

#include <array>
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
#include "proxy/session/query_event.h"

namespace pgassay::relay {

int32_t PeerProcess(int unix_fd);
// The processes above one, nearest first, as far as /proc tells; 0: no more.
using ParentPids = std::array<int32_t, session::kMaxClientParents>;
ParentPids ParentsOf(int32_t pid);

struct ClientPid {
  static constexpr int32_t kPending = -1;
  std::atomic<int32_t> value = kPending;
  ParentPids parents{};  // there once `value` is
};

class ClientProcessFinder {
 public:
  ClientProcessFinder();
  ~ClientProcessFinder();
  ClientProcessFinder(const ClientProcessFinder&) = delete;
  ClientProcessFinder& operator=(const ClientProcessFinder&) = delete;

  // Any thread. A process that will connect, 0: none yet. It is looked at before any scan. From then on parents are
  // told too.
  void Expect(int32_t pid);
  // Any thread. The answer appears in the returned value; a connection that cannot be looked up is answered at once.
  std::shared_ptr<const ClientPid> Find(const SocketAddress& client, const SocketAddress& us);

 private:
  static constexpr int kScansPerSecond = 50;

  struct Question {
    SocketAddress client;
    SocketAddress us;
    std::shared_ptr<ClientPid> answer;
    bool wants_parents = false;
  };
  void Run();
  std::optional<Question> Next();
  int32_t Answer(const Question& question);
  void Know(int32_t pid);
  bool MayScan();

  std::vector<int32_t> known_;  // processes met before, the latest first
  int scans_ = 0;
  int64_t scans_since_ns_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> questions_;
  std::vector<int32_t> expected_;  // until the thread knows them
  bool tells_parents_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pgassay::relay
