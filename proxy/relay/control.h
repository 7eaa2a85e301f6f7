// The control socket's connections, on the first loop: accepts runners, reads their lines, answers each behind its
// mark. Marks go the way of that loop's events, through its ring. A runner on TCP is greeted once its process is known,
// or known not to be found. Limits: kMaxRunners at a time, lines of kMaxControlLine bytes; whoever does not read its
// replies is closed. Threads: one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/unique_fd.h"
#include "proxy/relay/client_process.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/runner.h"

namespace pgassay::relay {

class Control {
 public:
  Control(int epoll_fd, int listen_fd, std::string token, ClientProcessFinder& clients, session::RecordSink& sink);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control();

  void OnEvent(Watched& watched);                // of the listener, or of one of its connections
  bool waiting() const { return waiting_ > 0; }  // for processes to be found: call OnTime again in a millisecond
  void OnTime(int64_t now_ns);
  // Nothing is accepted or answered any more; runners are taken to be gone.
  void End(int64_t now_ns);
  // What no event of this batch can point at any more.
  void FreeClosed();

 private:
  struct Line;  // one connection

  void Accept();
  void OnReadable(Line& line);
  void Take(Line& line);
  void Close(Line& line);

  int epoll_fd_;
  int listen_fd_;
  std::string token_;
  ClientProcessFinder& clients_;
  session::RecordSink& sink_;
  Watched listener_{WatchKind::kControlListener};
  std::vector<std::unique_ptr<Line>> lines_, closed_;
  size_t waiting_ = 0;
  uint64_t next_runner_id_ = 1;
  uint64_t next_scope_id_ = 1;
};

}  // namespace pgassay::relay
