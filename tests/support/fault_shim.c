// Preloaded into pgassay by the end-to-end tests: while the file that PGASSAY_FAULT names exists and is not empty, it says what fails on files whose
// name ends in .db or .db-wal: the errno of every write; with "sync" before it, of every fsync and fdatasync; "slow" and a number delays each write by
// so many milliseconds; "clock" and a number moves the wall clock by so many seconds; "key" makes the random bytes of a recording's key known ones.
// Nothing else is touched.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// What the file says, in `said`; its length.
static long order(char* said, long capacity) {
  const char* name = getenv("PGASSAY_FAULT");
  if (name == NULL) return 0;
  const long file = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return 0;
  const long length = syscall(SYS_read, file, said, capacity - 1);
  syscall(SYS_close, file);
  return length;
}

static int is_trace(int fd) {
  char link[64], target[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, target, sizeof target - 1);
  if (length <= 0) return 0;
  target[length] = '\0';
  return (length > 3 && strcmp(target + length - 3, ".db") == 0) || (length > 7 && strcmp(target + length - 7, ".db-wal") == 0);
}

static int fault(int fd, int syncing) {
  char said[32] = "";
  if (!is_trace(fd) || order(said, sizeof said) <= 0) return 0;
  if (strncmp(said, "slow", 4) == 0) {
    if (!syncing) usleep((useconds_t)atoi(said + 4) * 1000);
    return 0;
  }
  const int of_sync = strncmp(said, "sync", 4) == 0;
  return of_sync == syncing ? atoi(said + (of_sync ? 4 : 0)) : 0;
}

static int fails(int fd, int syncing) {
  const int saved = errno;
  const int error = fault(fd, syncing);
  errno = error != 0 ? error : saved;
  return error != 0;
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  if (fails(fd, 0)) return -1;
  return syscall(SYS_pwrite64, fd, bytes, count, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }
ssize_t write(int fd, const void* bytes, size_t count) {
  if (fails(fd, 0)) return -1;
  return syscall(SYS_write, fd, bytes, count);
}
int fsync(int fd) { return fails(fd, 1) ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails(fd, 1) ? -1 : (int)syscall(SYS_fdatasync, fd); }

ssize_t getrandom(void* bytes, size_t count, unsigned flags) {
  const size_t key_size = 192;
  char said[32] = "";
  if (count != key_size || order(said, sizeof said) <= 0 || strncmp(said, "key", 3) != 0) return syscall(SYS_getrandom, bytes, count, flags);
  for (size_t i = 0; i < count; ++i) ((unsigned char*)bytes)[i] = (unsigned char)(i * 37 + 11);
  return (ssize_t)count;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int saved = errno;
  const int result = (int)syscall(SYS_clock_gettime, clock, now);
  char said[32] = "";
  if (clock == CLOCK_REALTIME && order(said, sizeof said) > 0 && strncmp(said, "clock", 5) == 0) now->tv_sec += atoi(said + 5);
  errno = saved;
  return result;
}
