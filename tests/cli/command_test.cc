// Runs the program as a person would, and reads what it says.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace pgassay::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Said {
  int code = -1;
  std::string out, err;
};

class CommandLineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "pgassay-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A shell runs `pgassay ARGUMENTS` in an empty folder, with none of this machine's PG* variables.
  Said Pgassay(const std::string& arguments, const std::string& environment = "") const {
    const std::string command = "cd '" + folder_ + "' && env -i PATH=/usr/bin:/bin HOME=" + folder_ + " " +
                                environment + " '" PGASSAY_PROGRAM "' " + arguments + " >out 2>err </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), Read("out"), Read("err")};
  }
  void Write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  bool Exists(const std::string& name) const { return std::filesystem::exists(folder_ + "/" + name); }

  std::string folder_;
};

MATCHER_P(RefusedWith, words, "") {
  const bool one_sentence = std::ranges::count(arg.err, '\n') == 1 && arg.err.starts_with("pgassay: ");
  *result_listener << "code " << arg.code << ", stderr: " << arg.err << ", stdout: " << arg.out;
  return arg.code == 2 && one_sentence && arg.out.empty() && arg.err.find(words) != std::string::npos;
}

TEST_F(CommandLineTest, BadUsageIsOneSentenceAndExitCode2) {
  EXPECT_THAT(Pgassay(""), RefusedWith("no command given"));
  EXPECT_THAT(Pgassay("reprot x.db"), RefusedWith("unknown command reprot (did you mean report?)"));
  EXPECT_THAT(Pgassay("zzzzzz"), RefusedWith("pgassay --help"));
  EXPECT_THAT(Pgassay("--all report"), RefusedWith("--all comes before a command"));
  EXPECT_THAT(Pgassay("report"), RefusedWith("report needs a trace"));
  EXPECT_THAT(Pgassay("report x.db --fail-no proven"),
              RefusedWith("report does not know --fail-no (did you mean --fail-on?)"));
  EXPECT_THAT(Pgassay("report x.db --fail-on"), RefusedWith("--fail-on needs a value"));
  EXPECT_THAT(Pgassay("report x.db --fail-on provne"), RefusedWith("(did you mean proven?)"));
  EXPECT_THAT(Pgassay("report x.db --format yaml"), RefusedWith("--format does not know yaml"));
  EXPECT_THAT(Pgassay("report x.db --rtt fast"), RefusedWith("--rtt = \"fast\" is no number"));
  EXPECT_THAT(Pgassay("queries x.db --sort size"), RefusedWith("--sort does not know size"));
  EXPECT_THAT(Pgassay("show x.db"), RefusedWith("show needs a trace and an id"));
  EXPECT_THAT(Pgassay("show x.db a b"), RefusedWith("does not know what to do with b"));
  EXPECT_THAT(Pgassay("rules n-plus-on"), RefusedWith("(did you mean n-plus-one?)"));
  EXPECT_THAT(Pgassay("run psql"), RefusedWith("pgassay run -- psql"));
  EXPECT_THAT(Pgassay("run --"), RefusedWith("run needs a command after --"));
  EXPECT_THAT(Pgassay("run --threads 99 -- true"), RefusedWith("out of range"));
  EXPECT_THAT(Pgassay("run -- no-such-command-here"), RefusedWith("no such command in PATH"));
  EXPECT_THAT(Pgassay("run --env NOWHERE -- true"), RefusedWith("--env NOWHERE"));
}

TEST_F(CommandLineTest, ProxySaysWhatItNeeds) {
  EXPECT_THAT(Pgassay("proxy --allow-root --trace t.db"), RefusedWith("proxy needs --upstream"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream 127.0.0.1:1"), RefusedWith("proxy needs --trace"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --listen 0.0.0.0:0"),
              RefusedWith("--allow-plaintext-remote"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --listen nonsense:port"),
              RefusedWith("--listen nonsense:port"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream mysql://db --trace t.db"), RefusedWith("no PostgreSQL URL"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --tls-cert t.crt"),
              RefusedWith("--tls-cert and --tls-key go together"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --tls-cert no.crt --tls-key no.key"),
              RefusedWith("cannot use the certificate no.crt"));
  EXPECT_THAT(
      Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --tls-passthrough --upstream-tls require"),
      RefusedWith("--tls-passthrough"));
  EXPECT_THAT(Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --gssenc yes"),
              RefusedWith("--gssenc takes refuse or passthrough"));
  EXPECT_THAT(
      Pgassay("proxy --allow-root --upstream 127.0.0.1:1 --trace t.db --gssenc passthrough --upstream-tls require"),
      RefusedWith("--gssenc passthrough"));
}

TEST_F(CommandLineTest, RoutesAreCheckedAndTheirPasswordsNotShown) {
  const std::string proxy = "proxy --allow-root --trace t.db ";
  const std::string server = "postgresql://u:secret@127.0.0.1:1/app";
  EXPECT_THAT(Pgassay(proxy + "--route " + server), RefusedWith("--route takes LISTEN=UPSTREAM"));
  EXPECT_THAT(Pgassay(proxy + "--route 127.0.0.1:0="), RefusedWith("--route takes LISTEN=UPSTREAM"));
  EXPECT_THAT(Pgassay(proxy + "--route =" + server), RefusedWith("--route takes LISTEN=UPSTREAM"));
  EXPECT_THAT(Pgassay(proxy + "--route nonsense:port=" + server), RefusedWith("--route nonsense:port=…"));
  EXPECT_THAT(Pgassay(proxy + "--route 127.0.0.1:0=mysql://db"), RefusedWith("--route 127.0.0.1:0=…: "));
  EXPECT_THAT(Pgassay(proxy + "--route 0.0.0.0:0=" + server), RefusedWith("--allow-plaintext-remote"));
  EXPECT_THAT(Pgassay(proxy + "--listen 127.0.0.1:0 --route 127.0.0.1:0=" + server), RefusedWith("needs --upstream"));
  EXPECT_THAT(Pgassay(proxy + "--route 127.0.0.1:7001=127.0.0.1:7002 --route 127.0.0.1:7002=127.0.0.1:7003"),
              RefusedWith("--route 127.0.0.1:7002=… is also the address of a server"));
  EXPECT_THAT(Pgassay(proxy + "--route 127.0.0.1:0=" + server), RefusedWith("127.0.0.1:1"));
  EXPECT_THAT(Pgassay(proxy + "--route 127.0.0.1:0=" + server).err, testing::Not(HasSubstr("secret")));
  Write("pgassay.toml", "route = [\"127.0.0.1:6433=" + server + "\", \"127.0.0.1:6434=postgresql://u:secret@h:x/\"]\n");
  const Said shown = Pgassay("config");
  EXPECT_THAT(shown.out, HasSubstr("127.0.0.1:6433=postgresql://"));
  EXPECT_THAT(shown.out, testing::Not(HasSubstr("secret")));
}

TEST_F(CommandLineTest, TlsInitMakesCertificatesOnce) {
  EXPECT_EQ(Pgassay("tls-init certificates").code, 0);
  EXPECT_TRUE(Exists("certificates/localhost.key"));
  EXPECT_THAT(Pgassay("tls-init certificates"), RefusedWith("certificates/localhost.key"));
  EXPECT_THAT(Pgassay("tls-init"), RefusedWith("tls-init needs a directory"));
}

TEST_F(CommandLineTest, AServerThatIsNotThereIsSaidBeforeAnythingStarts) {
  const Said run = Pgassay("run --upstream 127.0.0.1:1 -- touch started", "URL=postgresql://u:secret@elsewhere/app");
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(run.err, testing::Not(HasSubstr("secret")));
  EXPECT_FALSE(Exists("started"));
  EXPECT_FALSE(Exists("pgassay.db"));
  const Said proxy = Pgassay("proxy --allow-root --listen 127.0.0.1:0 --upstream 127.0.0.1:1 --trace t.db");
  EXPECT_EQ(proxy.code, 2);
  EXPECT_THAT(proxy.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(CommandLineTest, ATraceThatCannotBeReadIsNamed) {
  EXPECT_THAT(Pgassay("report missing.db"), RefusedWith("missing.db"));
  Write("text.db", "this is no trace, and long enough to be taken for one by a careless reader\n");
  EXPECT_THAT(Pgassay("report text.db"), RefusedWith("text.db"));
  EXPECT_THAT(Pgassay("queries ."), RefusedWith("."));
}

TEST_F(CommandLineTest, ConfigurationErrorsNameFileAndLine) {
  Write("pgassay.toml", "threads = 1\nfail-on = [\"proven\"]\n");
  EXPECT_THAT(Pgassay("rules"), RefusedWith("pgassay.toml:2: unknown key fail-on (did you mean fail_on?)"));
  EXPECT_THAT(Pgassay("rules --config missing.toml"), RefusedWith("cannot read missing.toml"));
  Write("pgassay.toml", "");
  EXPECT_THAT(Pgassay("rules", "PGASSAY_FAILON=proven"), RefusedWith("did you mean PGASSAY_FAIL_ON?"));
}

TEST_F(CommandLineTest, ConfigShowsEachSettingAndItsOrigin) {
  Write("other.toml", "rtt = 2.5\nfail_on = [\"proven\"]\n");
  const Said said =
      Pgassay("config --config other.toml", "PGASSAY_THREADS=3 PGASSAY_UPSTREAM=postgresql://u:secret@db/app");
  EXPECT_EQ(said.code, 0);
  EXPECT_THAT(said.out, testing::ContainsRegex("rtt = 2.5 +# other.toml"));
  EXPECT_THAT(said.out, testing::ContainsRegex("fail_on = ..proven.. +# other.toml"));
  EXPECT_THAT(said.out, testing::ContainsRegex("threads = 3 +# PGASSAY_THREADS"));
  EXPECT_THAT(said.out, testing::ContainsRegex("limit = 20 +# default"));
  EXPECT_THAT(said.out, testing::Not(HasSubstr("secret")));
}

TEST_F(CommandLineTest, HelpListsTheCommandsAndTheirFlags) {
  const Said overview = Pgassay("--help");
  EXPECT_EQ(overview.code, 0);
  EXPECT_THAT(overview.err, IsEmpty());
  for (const std::string command : {"run", "proxy", "report", "queries", "show", "rules", "config"}) {
    EXPECT_THAT(overview.out, HasSubstr("pgassay " + command));
    const Said help = Pgassay(command + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, StartsWith("pgassay " + command));
  }
  EXPECT_THAT(Pgassay("help run").out, HasSubstr("--fail-on WHAT"));
  EXPECT_THAT(Pgassay("--version").out, StartsWith("pgassay "));
}

TEST_F(CommandLineTest, AReaderThatHasGoneIsNoTrouble) {
  const std::string command = "bash -c \"set -o pipefail; '" PGASSAY_PROGRAM "' rules 2>'" + folder_ + "/err' | true\"";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(Read("err"), IsEmpty());
}

}  // namespace
}  // namespace pgassay::cli
