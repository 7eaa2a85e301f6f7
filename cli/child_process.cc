#include "cli/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/base/unique_fd.h"

namespace pgassay::cli {

namespace {

bool IsProgram(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Execute(const std::string& program, char** arguments, char** environment, const sigset_t& mask,
                          int failure_fd) {
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execve(program.c_str(), arguments, environment);
  const int error = errno;
  static_cast<void>(!::write(failure_fd, &error, sizeof error));
  ::_exit(127);
}

}  // namespace

sigset_t CurrentSignalMask() {
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

Result<std::string> FindProgram(const std::string& name, const Environment& environment) {
  if (name.find('/') != std::string::npos) {
    if (IsProgram(name)) return name;
    if (::access(name.c_str(), F_OK) != 0) return Fail(fmt::format("cannot run {}: there is no such file", name));
    return Fail(fmt::format("cannot run {}: it is not executable", name));
  }
  const std::string path = environment.Get("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  for (size_t from = 0; from <= path.size();) {
    const size_t colon = std::min(path.find(':', from), path.size());
    const std::string folder = colon == from ? "." : path.substr(from, colon - from);
    std::string candidate = fmt::format("{}/{}", folder, name);
    if (!name.empty() && IsProgram(candidate)) return candidate;
    from = colon + 1;
  }
  return Fail(fmt::format("cannot run {}: there is no such command in PATH", name));
}

Result<pid_t> StartChild(const std::string& program, const std::vector<std::string>& arguments,
                         const Environment& environment, const sigset_t& mask) {
  std::vector<std::string> argument_texts = arguments;
  std::vector<std::string> environment_texts;
  for (const auto& [name, value] : environment.variables())
    environment_texts.push_back(fmt::format("{}={}", name, value));
  std::vector<char*> argument_pointers = Pointers(argument_texts);
  std::vector<char*> environment_pointers = Pointers(environment_texts);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Fail(fmt::format("cannot run {}: {}", arguments.front(), std::strerror(errno)));
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return Fail(fmt::format("cannot run {}: {}", arguments.front(), std::strerror(errno)));
  if (pid == 0) Execute(program, argument_pointers.data(), environment_pointers.data(), mask, write_end.get());
  write_end.Reset();
  int error = 0;
  if (::read(read_end.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error)) {
    ::waitpid(pid, nullptr, 0);
    return Fail(fmt::format("cannot run {}: {}", arguments.front(), std::strerror(error)));
  }
  return pid;
}

std::optional<int> ReapChild(pid_t pid) {
  int status = 0;
  const pid_t reaped = ::waitpid(pid, &status, WNOHANG);
  if (reaped != pid) return std::nullopt;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

}  // namespace pgassay::cli
