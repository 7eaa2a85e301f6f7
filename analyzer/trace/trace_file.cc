#include "analyzer/trace/trace_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "analyzer/trace/schema.h"

namespace pgassay::trace {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
constexpr off_t kWholeCheckBytes =
    64 << 20;  // above, an append looks through the rollups only: the timeline would take seconds

std::string Reason(int error) { return std::generic_category().message(error); }

// The same file with a directory free of symlinks, so that SQLite's own NOFOLLOW speaks of the file alone.
Result<std::string> ResolveDirectory(const std::string& path) {
  const std::filesystem::path given(path);
  if (given.filename().empty())
    return Fail(path.empty() ? "the trace file has no name" : path + " is a directory, not a trace");
  std::error_code error;
  const auto directory = std::filesystem::canonical(given.has_parent_path() ? given.parent_path() : ".", error);
  if (error) return Fail("cannot open trace " + path + ": its directory: " + error.message());
  return (directory / given.filename()).string();
}

Result<struct stat> StatTrace(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return Fail("cannot open trace " + path + ": " + Reason(errno));
  if (S_ISDIR(info.st_mode)) return Fail(path + " is a directory, not a trace");
  if (!S_ISREG(info.st_mode)) return Fail(path + " is no regular file, so it cannot be a trace");
  if (info.st_size == 0) return Fail(path + " is empty: no trace was ever written to it");
  if (info.st_size < 512) return Fail(path + " is no pgassay trace");  // SQLite's smallest page
  return info;
}

std::string ImmutableUri(const std::string& path) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file://";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (isalnum(byte) != 0 || c == '/' || c == '.' || c == '-' || c == '_') {
      uri += c;
    } else {
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return uri + "?immutable=1";
}

std::string Damaged(const std::string& path, const Error& error) { return path + " is damaged: " + error.message; }

// The file at `path` is still the one that was looked at: nobody put another in its place meanwhile.
bool SameFile(const std::string& path, const struct stat& before) {
  struct stat now{};
  return lstat(path.c_str(), &now) == 0 && now.st_ino == before.st_ino && now.st_dev == before.st_dev;
}

Result<> ReadyForWriting(Database& db, const std::string& path) {
  sqlite3_busy_timeout(db.get(), 5000);  // a reader of a closed trace may hold it for a moment
  auto mode = Query::Prepare(db, "PRAGMA journal_mode = WAL");
  const auto row = mode ? mode->Step() : Result<bool>(std::unexpected(mode.error()));
  if (!row) return Fail("cannot write trace " + path + ": " + row.error().message);
  if (mode->Text(0) != "wal")
    return Fail("cannot write trace " + path + ": its file system has no shared memory; choose a local disk");
  mode->Reset();
  sqlite3_busy_timeout(db.get(), 200);
  // NORMAL: a commit reaches the file system at once and the disk at the next checkpoint, which the recorder chooses.
  const auto set = db.Run(
      "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
      "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = 1;");
  if (!set) return Fail("cannot write trace " + path + ": " + set.error().message);
  return {};
}

Result<> CheckIntegrity(Database& db, off_t bytes) {
  std::vector<std::string> checks;
  if (bytes <= kWholeCheckBytes) {
    checks.emplace_back("PRAGMA quick_check(1)");
  } else {
    auto tables = Query::Prepare(db,
                                 "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'execution_block' "
                                 "AND name NOT GLOB '*[^a-z_]*'");
    if (!tables) return std::unexpected(tables.error());
    for (;;) {
      const auto row = tables->Step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      checks.push_back("PRAGMA quick_check(" + std::string(tables->Text(0)) + ")");
    }
  }
  for (const auto& check : checks) {
    auto query = Query::Prepare(db, check);
    const auto row = query ? query->Step() : Result<bool>(std::unexpected(query.error()));
    if (!row) return std::unexpected(row.error());
    if (query->Text(0) != "ok") return Fail(std::string(query->Text(0)));
  }
  return {};
}

Result<> BeginSnapshot(Database& db) {
  sqlite3_busy_timeout(db.get(), 2000);
  return db.Run("PRAGMA cell_size_check = 1; BEGIN; SELECT count(*) FROM recording");
}

}  // namespace

Result<FileLock> FileLock::Acquire(const std::string& trace_path) {
  const auto resolved = ResolveDirectory(trace_path);
  if (!resolved) return std::unexpected(resolved.error());
  const std::string path = *resolved + ".lock";
  const std::string refusal = "cannot record into " + trace_path + ": ";
  for (;;) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, kOwnerOnly));
    if (!fd) return Fail(fmt::format("{}cannot open {}: {}", refusal, path, Reason(errno)));
    struct stat info{};
    if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
      return Fail(fmt::format("{}{} belongs to somebody else", refusal, path));
    }
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return Fail(fmt::format("another pgassay is recording into {}: choose another file", trace_path));
      }
      return Fail(fmt::format("{}cannot lock {}: {}", refusal, path, Reason(errno)));
    }
    // Its last holder may have removed the name between open and flock; then this lock is worth nothing.
    if (SameFile(path, info)) return FileLock(path, std::move(fd));
  }
}

FileLock::~FileLock() {
  if (fd_) unlink(path_.c_str());
}

// By an immutable connection: it takes no locks and makes no -wal or -shm, so that a stranger's file stays as it is,
// and closing it keeps the locks of this process's other connections, which closing a descriptor of our own would not.
Result<> CheckFormat(const std::string& path) {
  const auto info = StatTrace(path);
  if (!info) return std::unexpected(info.error());
  const auto resolved = ResolveDirectory(path);
  if (!resolved) return std::unexpected(resolved.error());
  auto db = Database::Open(ImmutableUri(*resolved), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  if (!db) return Fail("cannot open trace " + path + ": " + db.error().message);
  const auto application = db->Number("PRAGMA application_id");
  const auto format = db->Number("PRAGMA user_version");
  if (!application || !format) {
    const int code = db->LastCode() & 0xFF;
    if (code == SQLITE_NOTADB) return Fail(path + " is no pgassay trace");
    if (code == SQLITE_CORRUPT) return Fail(Damaged(path, db->LastError()));
    return Fail("cannot read trace " + path + ": " + db->LastError().message);
  }
  if (*application != kApplicationId) return Fail(path + " is a database of another program, not a pgassay trace");
  if (*format > kFormat) {
    return Fail(path + " has trace format " + std::to_string(*format) + "; this pgassay knows up to " +
                std::to_string(kFormat) + ": use a newer pgassay");
  }
  if (*format < kFormat)
    return Fail(path + " has trace format " + std::to_string(*format) + ", which was never released");
  return {};
}

Result<Database> CreateTrace(const std::string& path) {
  const auto resolved = ResolveDirectory(path);
  if (!resolved) return std::unexpected(resolved.error());
  struct stat made{};
  {
    const UniqueFd fd(open(resolved->c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
    if (!fd && errno == EEXIST) return Fail(path + " exists already: choose another file, or add to it with --append");
    if (!fd) return Fail("cannot create trace " + path + ": " + Reason(errno));
    if (fchmod(fd.get(), kOwnerOnly) != 0 || fstat(fd.get(), &made) != 0) {
      return Fail("cannot create trace " + path + ": " + Reason(errno));
    }
  }
  const auto build = [&]() -> Result<Database> {
    auto db = Database::Open(*resolved, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
    if (!db) return Fail("cannot create trace " + path + ": " + db.error().message);
    if (!SameFile(*resolved, made)) return Fail("cannot create trace " + path + ": it was replaced meanwhile");
    // In one transaction of the rollback journal: a file that has the header has the whole schema.
    const std::string sql = "PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; " + std::string(kSchemaSql) +
                            "PRAGMA application_id = " + std::to_string(kApplicationId) + ";" +
                            "PRAGMA user_version = " + std::to_string(kFormat) + "; COMMIT;";
    if (const auto ran = db->Run(sql.c_str()); !ran)
      return Fail("cannot create trace " + path + ": " + ran.error().message);
    if (auto ready = ReadyForWriting(*db, path); !ready) return std::unexpected(ready.error());
    return std::move(*db);
  };
  auto db = build();
  if (!db && SameFile(*resolved, made)) unlink(resolved->c_str());  // nothing was in it
  return db;
}

Result<Database> OpenTraceToAppend(const std::string& path) {
  const auto resolved = ResolveDirectory(path);
  if (!resolved) return std::unexpected(resolved.error());
  struct stat found{};
  if (lstat(resolved->c_str(), &found) != 0) return Fail("cannot open trace " + path + ": " + Reason(errno));
  if (S_ISLNK(found.st_mode)) return Fail(path + " is a symbolic link: name the trace itself");
  if (const auto format = CheckFormat(path); !format) return std::unexpected(format.error());
  if (found.st_uid != geteuid()) return Fail(path + " belongs to another user: choose another file");
  // -wal and -shm take the file's mode over.
  if ((found.st_mode & 07777) != kOwnerOnly && chmod(resolved->c_str(), kOwnerOnly) != 0) {
    return Fail("cannot write trace " + path + ": " + Reason(errno));
  }
  auto db = Database::Open(*resolved, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!db) return Fail("cannot open trace " + path + ": " + db.error().message);
  if (!SameFile(*resolved, found)) return Fail("cannot open trace " + path + ": it was replaced meanwhile");
  if (sqlite3_db_readonly(db->get(), "main") == 1) return Fail("cannot write trace " + path + ": it is read-only");
  if (const auto whole = CheckIntegrity(*db, found.st_size); !whole) return Fail(Damaged(path, whole.error()));
  if (auto ready = ReadyForWriting(*db, path); !ready) return std::unexpected(ready.error());
  return std::move(*db);
}

Result<Database> OpenTraceToRead(const std::string& path) {
  if (const auto format = CheckFormat(path); !format) return std::unexpected(format.error());
  const auto resolved = ResolveDirectory(path);
  if (!resolved) return std::unexpected(resolved.error());
  auto db = Database::Open(*resolved, SQLITE_OPEN_READONLY);
  if (!db) return Fail("cannot open trace " + path + ": " + db.error().message);
  auto begun = BeginSnapshot(*db);
  if (begun) return db;
  int code = db->LastCode() & 0xFF;
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
    // A trace in WAL mode wants its -shm, and its directory does not let us make one.
    struct stat wal{};
    if (stat((*resolved + "-wal").c_str(), &wal) == 0 && wal.st_size > 0) {
      return Fail(path + " was not closed in order, and its directory cannot be written to recover it: copy it and " +
                  path + "-wal to one that can");
    }
    db = Database::Open(ImmutableUri(*resolved), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    if (!db) return Fail("cannot open trace " + path + ": " + db.error().message);
    begun = BeginSnapshot(*db);
    if (begun) return db;
    code = db->LastCode() & 0xFF;
  }
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR)
    return Fail(Damaged(path, begun.error()));
  return Fail("cannot read trace " + path + ": " + begun.error().message);
}

}  // namespace pgassay::trace
