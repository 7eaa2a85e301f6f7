#include "cli/connection_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <sstream>

namespace pgassay::cli {

namespace {

constexpr int kEstablished = 1, kSynSent = 2, kFirstClosing = 4, kLastClosing = 6;  // include/net/tcp_states.h

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

template <class Integer>
bool ParseInteger(std::string_view text, Integer& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

// As RFC 5952 writes it, but for the zeros that it shortens: only ::1 is told often enough to matter.
std::string V6Name(const std::array<unsigned char, 16>& bytes) {
  std::vector<std::string> groups;
  for (size_t i = 0; i < bytes.size(); i += 2) groups.push_back(fmt::format("{:x}", bytes[i] * 256 + bytes[i + 1]));
  const std::string name = fmt::format("{}", fmt::join(groups, ":"));
  return name == "0:0:0:0:0:0:0:1" ? "::1" : name;
}

// "0100007F:1538": the address as 32-bit words of the machine's byte order, the port as a number.
std::optional<std::pair<std::string, uint16_t>> ParseEnd(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  uint16_t port = 0;
  std::array<uint32_t, 4> words{};
  for (size_t i = 0; i < colon / 8; ++i) {
    if (!ParseInteger(text.substr(i * 8, 8), words[i], 16)) return std::nullopt;
  }
  if (!ParseInteger(text.substr(colon + 1), port, 16)) return std::nullopt;
  std::array<unsigned char, 16> bytes{};
  std::memcpy(bytes.data(), words.data(), bytes.size());
  const bool v4_in_v6 = colon == 32 &&
                        std::ranges::all_of(std::span(bytes).first(10), [](unsigned char b) { return b == 0; }) &&
                        bytes[10] == 0xff && bytes[11] == 0xff;
  if (colon == 8) return std::pair{fmt::format("{}", fmt::join(std::span(bytes).first(4), ".")), port};
  if (v4_in_v6) return std::pair{fmt::format("{}", fmt::join(std::span(bytes).last(4), ".")), port};
  return std::pair{fmt::format("[{}]", V6Name(bytes)), port};
}

std::vector<pid_t> Tree(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator("/proc", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    pid_t pid = 0, parent = 0;
    if (!ParseInteger(entry->path().filename().native(), pid)) continue;
    const std::string stat = ReadText(entry->path() / "stat");
    const size_t name_end = stat.rfind(')');  // "pid (name) state parent …"
    if (name_end == std::string::npos || name_end + 4 >= stat.size()) continue;
    const std::string_view rest = std::string_view(stat).substr(name_end + 4);
    if (ParseInteger(rest.substr(0, rest.find(' ')), parent)) children.emplace(parent, pid);
  }
  std::vector<pid_t> tree = {root};
  for (size_t i = 0; i < tree.size(); ++i) {
    const auto [from, to] = children.equal_range(tree[i]);
    for (auto child = from; child != to; ++child) tree.push_back(child->second);
  }
  return tree;
}

std::set<uint64_t> SocketInodes(pid_t pid) {
  std::set<uint64_t> inodes;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry->path(), gone);
    uint64_t inode = 0;
    if (target.starts_with("socket:[") && ParseInteger(std::string_view(target).substr(8, target.size() - 9), inode))
      inodes.insert(inode);
  }
  return inodes;
}

std::vector<Connection> ConnectionsOf(std::string_view process) {
  std::vector<Connection> all = ParseConnections(ReadText(fmt::format("/proc/{}/net/tcp", process)));
  const std::vector<Connection> v6 = ParseConnections(ReadText(fmt::format("/proc/{}/net/tcp6", process)));
  all.insert(all.end(), v6.begin(), v6.end());
  return all;
}

}  // namespace

std::vector<Connection> ParseConnections(std::string_view table) {
  std::vector<Connection> connections;
  std::istringstream lines{std::string(table)};
  std::string line;
  std::getline(lines, line);  // headings
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout;
    uint64_t inode = 0;
    if (!(fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode))
      continue;
    int number = 0;
    if (!ParseInteger(std::string_view(state), number, 16)) continue;
    if (number != kEstablished && number != kSynSent && (number < kFirstClosing || number > kLastClosing)) continue;
    const auto here = ParseEnd(local), there = ParseEnd(remote);
    if (!here || !there) continue;
    connections.push_back({.remote = fmt::format("{}:{}", there->first, there->second),
                           .port = there->second,
                           .local_port = here->second,
                           .inode = inode});
  }
  return connections;
}

ConnectionWatch::ConnectionWatch(pid_t root, std::vector<uint16_t> upstream_ports, std::vector<uint16_t> own_ports)
    : root_(root), upstream_ports_(std::move(upstream_ports)), own_ports_(std::move(own_ports)) {
  for (Connection connection : ConnectionsOf("self")) {
    connection.inode = 0;
    at_start_.insert(std::move(connection));
  }
}

bool ConnectionWatch::LooksLikePostgres(const Connection& connection) const {
  if (std::ranges::find(own_ports_, connection.port) != own_ports_.end()) return false;
  return (connection.port >= 5432 && connection.port <= 5439) || connection.port == 6432 ||
         std::ranges::find(upstream_ports_, connection.port) != upstream_ports_.end();
}

void ConnectionWatch::Look() {
  for (const pid_t pid : Tree(root_)) {
    const std::set<uint64_t> inodes = SocketInodes(pid);
    if (inodes.empty()) continue;
    for (const Connection& connection : ConnectionsOf(fmt::format("{}", pid))) {
      if (inodes.contains(connection.inode) && LooksLikePostgres(connection)) seen_.insert(connection.remote);
    }
  }
}

std::vector<std::string> ConnectionWatch::Seen() {
  if (seen_.empty()) {
    for (const Connection& connection : ConnectionsOf("self")) {
      const bool closed = connection.inode == 0;
      if (closed && LooksLikePostgres(connection) && !at_start_.contains(connection)) seen_.insert(connection.remote);
    }
  }
  return {seen_.begin(), seen_.end()};
}

}  // namespace pgassay::cli
