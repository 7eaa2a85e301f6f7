#include "proxy/relay/client_process.h"

#include <dirent.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/clock.h"

namespace pgassay::relay {
namespace {

constexpr size_t kMaxKnown = 64;
constexpr size_t kMaxQuestions = 1024;
constexpr size_t kMaxTableLines = 20'000;  // of /proc/net/tcp, a few milliseconds
constexpr int64_t kSecond = 1'000'000'000;

struct EndPoint {
  std::array<uint32_t, 4> address{};  // network byte order, as sock_diag has it
  uint16_t port = 0;                  // network byte order
};

EndPoint ToEndPoint(const SocketAddress& address) {
  EndPoint point;
  if (address.family() == AF_INET) {
    sockaddr_in name{};
    std::memcpy(&name, &address.storage, sizeof(name));
    point.address[0] = name.sin_addr.s_addr;
    point.port = name.sin_port;
  } else {
    sockaddr_in6 name{};
    std::memcpy(&name, &address.storage, sizeof(name));
    std::memcpy(point.address.data(), &name.sin6_addr, sizeof(name.sin6_addr));
    point.port = name.sin6_port;
  }
  return point;
}

// The inode of the socket whose own end is `local`, by sock_diag(7).
std::optional<uint64_t> InodeByDiag(int family, const EndPoint& local, const EndPoint& remote) {
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return std::nullopt;
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = static_cast<uint8_t>(family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~uint32_t{0};
  question.request.id.idiag_sport = local.port;
  question.request.id.idiag_dport = remote.port;
  std::memcpy(question.request.id.idiag_src, local.address.data(), sizeof(local.address));
  std::memcpy(question.request.id.idiag_dst, remote.address.data(), sizeof(remote.address));
  question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (::send(netlink.get(), &question, sizeof(question), 0) != static_cast<ssize_t>(sizeof(question))) {
    return std::nullopt;
  }
  alignas(nlmsghdr) std::array<char, 4096> answer{};
  const ssize_t got = ::recv(netlink.get(), answer.data(), answer.size(), 0);
  nlmsghdr header{};
  inet_diag_msg message{};
  if (got < static_cast<ssize_t>(sizeof(header) + sizeof(message))) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  std::memcpy(&message, answer.data() + NLMSG_HDRLEN, sizeof(message));
  return message.idiag_inode;
}

std::string TableForm(int family, const EndPoint& point) {
  std::string text;
  for (int word = 0; word < (family == AF_INET ? 1 : 4); ++word) {
    text += fmt::format("{:08X}", point.address[static_cast<size_t>(word)]);
  }
  return fmt::format("{}:{:04X}", text, ntohs(point.port));
}

// The same from /proc/net/tcp, where the kernel has no sock_diag.
std::optional<uint64_t> InodeByTable(int family, const EndPoint& local, const EndPoint& remote) {
  const std::unique_ptr<FILE, int (*)(FILE*)> table(
      std::fopen(family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", "re"), &std::fclose);
  if (!table) return std::nullopt;
  const std::string wanted = fmt::format(": {} {} ", TableForm(family, local), TableForm(family, remote));
  std::array<char, 512> line{};
  for (size_t i = 0; i < kMaxTableLines && std::fgets(line.data(), line.size(), table.get()) != nullptr; ++i) {
    std::string_view rest(line.data());
    if (rest.find(wanted) == std::string_view::npos) continue;
    constexpr int kInodeField = 9;
    for (int field = 0; field < kInodeField; ++field) {
      rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
      rest.remove_prefix(std::min(rest.size(), rest.find(' ')));
    }
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    uint64_t inode = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), inode);
    return inode;
  }
  return std::nullopt;
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

bool HasOpen(int32_t pid, std::string_view link) {
  const std::string path = fmt::format("/proc/{}/fd", pid);
  const Directory directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::array<char, 64> target{};
    const ssize_t size = ::readlinkat(::dirfd(directory.get()), entry->d_name, target.data(), target.size());
    if (size > 0 && std::string_view(target.data(), static_cast<size_t>(size)) == link) return true;
  }
  return false;
}

// All processes, the youngest first: a client that has just connected is seldom an old one.
std::vector<int32_t> AllProcesses() {
  std::vector<int32_t> pids;
  const Directory directory(::opendir("/proc"), &::closedir);
  if (!directory) return pids;
  while (const dirent* entry = ::readdir(directory.get())) {
    int32_t pid = 0;
    const std::string_view name(entry->d_name);
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec == std::errc() && pid > 0) pids.push_back(pid);
  }
  std::ranges::sort(pids, std::ranges::greater());
  return pids;
}

}  // namespace

int32_t PeerProcess(int unix_fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(unix_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

ParentPids ParentsOf(int32_t pid) {
  ParentPids parents{};
  for (int32_t& parent : parents) {
    const std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen(fmt::format("/proc/{}/stat", pid).c_str(), "re"),
                                                       &std::fclose);
    if (!status) break;
    std::array<char, 512> line{};
    const size_t got = std::fread(line.data(), 1, line.size() - 1, status.get());
    const std::string_view text(line.data(), got);
    const size_t name_end = text.rfind(')');  // pid (name) state parent …; a name may hold anything
    if (name_end == std::string_view::npos || name_end + 4 >= text.size()) break;
    std::from_chars(text.data() + name_end + 4, text.data() + text.size(), parent);
    if (parent <= 1) {
      parent = 0;
      break;
    }
    pid = parent;
  }
  return parents;
}

ClientProcessFinder::ClientProcessFinder() : thread_([this] { Run(); }) {}

ClientProcessFinder::~ClientProcessFinder() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::shared_ptr<const ClientPid> ClientProcessFinder::Find(const SocketAddress& client, const SocketAddress& us) {
  auto answer = std::make_shared<ClientPid>();
  if (client.loopback()) {
    const std::scoped_lock lock(mutex_);
    if (questions_.size() < kMaxQuestions) {
      questions_.push_back({.client = client, .us = us, .answer = answer});
      wake_.notify_one();
      return answer;
    }
  }
  answer->value = 0;
  return answer;
}

void ClientProcessFinder::Expect(int32_t pid) {
  const std::scoped_lock lock(mutex_);
  tells_parents_ = true;
  if (pid > 0) expected_.push_back(pid);
}

void ClientProcessFinder::Run() {
  while (const std::optional<Question> question = Next()) {
    const int32_t pid = Answer(*question);
    if (pid > 0 && question->wants_parents) question->answer->parents = ParentsOf(pid);
    question->answer->value.store(pid, std::memory_order_release);
  }
}

// Waits for a question; none when it is time to end.
std::optional<ClientProcessFinder::Question> ClientProcessFinder::Next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return ending_ || !questions_.empty(); });
  if (ending_) {
    for (const Question& question : questions_) question.answer->value = 0;
    return std::nullopt;
  }
  for (const int32_t pid : std::exchange(expected_, {})) Know(pid);
  Question question = std::move(questions_.front());
  questions_.pop_front();
  question.wants_parents = tells_parents_;
  return question;
}

int32_t ClientProcessFinder::Answer(const Question& question) {
  const int family = question.client.family();
  const EndPoint client = ToEndPoint(question.client);
  const EndPoint us = ToEndPoint(question.us);
  std::optional<uint64_t> inode = InodeByDiag(family, client, us);
  if (!inode) inode = InodeByTable(family, client, us);
  if (inode.value_or(0) == 0) return 0;
  const std::string link = fmt::format("socket:[{}]", *inode);
  const auto known = std::ranges::find_if(known_, [&](int32_t pid) { return HasOpen(pid, link); });
  if (known != known_.end()) {
    std::rotate(known_.begin(), known, known + 1);
    return known_.front();
  }
  if (!MayScan()) return 0;
  for (const int32_t pid : AllProcesses()) {
    if (!HasOpen(pid, link)) continue;
    Know(pid);
    return pid;
  }
  return 0;
}

void ClientProcessFinder::Know(int32_t pid) {
  known_.insert(known_.begin(), pid);
  if (known_.size() > kMaxKnown) known_.pop_back();
}

bool ClientProcessFinder::MayScan() {
  const int64_t now_ns = MonotonicNowNs();
  if (now_ns - scans_since_ns_ > kSecond) {
    scans_since_ns_ = now_ns;
    scans_ = 0;
  }
  return scans_++ < kScansPerSecond;
}

}  // namespace pgassay::relay
