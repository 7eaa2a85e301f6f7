// Every setting of every command, in one table: from it come the flags, the PGASSAY_* variables, the keys of
// pgassay.toml, the checks of their values, `--help` and `pgassay config`. Precedence: flag > environment > file >
// default.
//
// A setting is named as its flag is ("max-connections"); its variable is PGASSAY_MAX_CONNECTIONS, its key
// max_connections. Values stay text until a command asks for them; Resolve() has then already refused what does not
// convert.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/detectors/detector.h"
#include "cli/environment.h"
#include "cli/gate_config.h"
#include "proxy/base/result.h"

namespace pgassay::cli {

enum class SettingKind : uint8_t { kText, kList, kSwitch, kCount, kBytes, kNumber };

// Bits of SettingInfo::commands.
enum CommandBit : unsigned {
  kRun = 1,
  kProxy = 2,
  kReport = 4,
  kQueries = 8,
  kShow = 16,
  kRules = 32,
  kConfig = 64,
  kTlsInit = 128,
  kBaseline = 256,
  kGate = 512,
  kDiff = 1024,
  kLint = 2048,
  kAdvise = 4096
};

struct SettingInfo {
  std::string_view name;
  SettingKind kind;
  std::string_view placeholder;   // of its value in --help, "" for a switch
  std::string_view default_text;  // "" for none; of a list: with commas
  double min, max;                // of kCount, kNumber and kBytes
  unsigned commands;
  std::string_view help;
};

std::span<const SettingInfo> AllSettings();
const SettingInfo* FindSetting(std::string_view name);  // null if unknown
std::string VariableName(const SettingInfo& setting);   // "PGASSAY_MAX_CONNECTIONS"
std::string KeyName(const SettingInfo& setting);        // "max_connections"

// Values given by flags or by a file: setting name -> one text per occurrence or element; a switch that is on is
// "true".
using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

// pgassay.toml as far as it says anything.
struct ConfigFile {
  std::string path;  // "" if there is none
  Values values;
  detectors::RuleOptions rules;
  GateConfig gate = {};
};

struct SettingValue {
  std::vector<std::string> texts;
  std::string origin;  // "flag", "PGASSAY_THREADS", "pgassay.toml", "default"
};

class Settings {
 public:
  // Everything checked: names of variables, and each value against its kind and range.
  static Result<Settings> Resolve(const Values& flags, const Environment& environment, const ConfigFile& file);

  const SettingValue& Value(std::string_view name) const;  // REQUIRES: a name of the table, as for all below
  bool IsSet(std::string_view name) const;                 // by anything but its default
  std::string Text(std::string_view name) const;
  std::vector<std::string> List(std::string_view name) const;
  bool Switch(std::string_view name) const;
  uint64_t Count(std::string_view name) const;  // kCount and kBytes
  double Number(std::string_view name) const;
  const detectors::RuleOptions& rules() const { return rules_; }
  const GateConfig& gate() const { return gate_; }
  const std::string& file_path() const { return file_path_; }

 private:
  std::map<std::string, SettingValue, std::less<>> values_;
  detectors::RuleOptions rules_;
  GateConfig gate_;
  std::string file_path_;
};

// "64MB", "1 GiB", "1000000": decimal units unless Ki, Mi, Gi.
Result<uint64_t> ParseBytes(std::string_view text);

}  // namespace pgassay::cli
