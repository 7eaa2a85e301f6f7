// The file itself: who may open it, and what it must look like. A trace belongs to its maker alone (0600, no symlink,
// no other owner) and to one recorder at a time (flock on FILE.lock: a second descriptor of the database itself would
// drop SQLite's own locks when closed). What is no trace is refused with a sentence and never written to.
#pragma once

#include <string>

#include "analyzer/trace/sqlite.h"
#include "proxy/base/result.h"
#include "proxy/base/unique_fd.h"

namespace pgassay::trace {

// Held for as long as the object lives; removes FILE.lock at the end. The kernel lets go of a dead process's.
class FileLock {
 public:
  static Result<FileLock> Acquire(const std::string& trace_path);
  FileLock(FileLock&&) noexcept = default;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  FileLock(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

// Refuses what is no trace of this format. Writes nothing and leaves no file behind.
Result<> CheckFormat(const std::string& path);

// REQUIRES: the lock is held. A new file with the whole schema, or the existing one; ready for writing in WAL mode.
Result<Database> CreateTrace(const std::string& path);
Result<Database> OpenTraceToAppend(const std::string& path);

// One consistent snapshot of what is committed, for as long as the connection lives.
Result<Database> OpenTraceToRead(const std::string& path);

}  // namespace pgassay::trace
