// Writes what the golden conversations say as seeds of the fuzz targets: FOLDER/TARGET/CONVERSATION.
// Usage: golden_seeds tests/golden FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/chunks.h"
#include "tests/support/conversation_text.h"

namespace {

using namespace pgassay;
namespace fs = std::filesystem;

constexpr size_t kMaxBytes = 4096;  // a long value teaches a fuzzer nothing and slows it down
constexpr size_t kMaxChunk = 127;   // as session_pair_fuzz.cc reads them
constexpr char kNoLogin = 1;        // likewise
constexpr char kPolicies = 32;      // of first_bytes_fuzz.cc
const std::string kFramerChoices("\x02\x0d", 2);

struct Script {
  bool login = false;
  tests::Conversation conversation;
};

Script Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  Script script;
  for (tests::ScriptLine& line : tests::ReadScript({std::istreambuf_iterator<char>(in), {}})) {
    if (line.kind == tests::ScriptLine::Kind::kLogin) script.login = true;
    if (line.kind == tests::ScriptLine::Kind::kMessage) script.conversation.push_back(std::move(line.chunk));
  }
  return script;
}

void Write(const fs::path& path, const std::string& bytes) {
  if (bytes.empty()) return;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string Said(const tests::Conversation& conversation, wire::Origin origin) {
  std::string bytes;
  for (const tests::Chunk& chunk : conversation) {
    if (chunk.origin == origin) bytes += chunk.bytes;
  }
  return bytes;
}

std::string Pair(const Script& script) {
  std::string seed(1, script.login ? '\0' : kNoLogin);
  for (const tests::Chunk& chunk : tests::InPieces(script.conversation, kMaxChunk)) {
    const unsigned origin = chunk.origin == wire::Origin::kBackend ? 0x80U : 0U;
    seed += static_cast<char>(origin | static_cast<unsigned>(chunk.bytes.size()));
    seed += chunk.bytes;
  }
  return seed;
}

// The SQL of Query and Parse.
std::string Sql(const tests::Conversation& conversation) {
  std::string sql;
  for (const tests::Chunk& chunk : conversation) {
    if (chunk.origin != wire::Origin::kFrontend || chunk.bytes.size() < 6) continue;
    const size_t at = chunk.bytes[0] == 'Q' ? 5 : chunk.bytes[0] == 'P' ? chunk.bytes.find('\0', 5) + 1 : 0;
    if (at != 0 && at < chunk.bytes.size()) sql += std::string(chunk.bytes.c_str() + at) + ";\n";
  }
  return sql;
}

void WriteSeeds(const Script& script, const std::string& name, const fs::path& folder) {
  if (tests::ByteCount(script.conversation) > kMaxBytes) return;
  const std::string client = Said(script.conversation, wire::Origin::kFrontend);
  const std::string server = Said(script.conversation, wire::Origin::kBackend);
  Write(folder / "session_pair" / name, Pair(script));
  Write(folder / "sql_scan" / name, Sql(script.conversation));
  if (!server.empty()) Write(folder / "backend_framer" / name, kFramerChoices + server);
  if (!server.empty() && !script.login) Write(folder / "channel_binding" / name, "\x05" + server);
  if (client.empty()) return;
  if (script.login) return Write(folder / "frontend_framer" / name, kFramerChoices + client);
  Write(folder / "startup" / name, kFramerChoices + client);
  for (char policy = 0; policy < kPolicies; ++policy) {
    Write(folder / "first_bytes" / (name + '.' + std::to_string(policy)), std::string(1, policy) + '\x07' + client);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  int count = 0;
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".golden") continue;
    WriteSeeds(Read(entry.path()), entry.path().stem().string(), argv[2]);
    ++count;
  }
  std::printf("%d conversations\n", count);
  return count == 0 ? 1 : 0;
}
