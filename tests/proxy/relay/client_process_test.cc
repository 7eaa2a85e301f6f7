#include "proxy/relay/client_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "tests/proxy/relay/relay_fixture.h"

namespace pgassay::relay {
namespace {

using namespace testing;

int32_t Wait(const std::shared_ptr<const ClientPid>& pid) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (pid->value == ClientPid::kPending && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return pid->value;
}

TEST(ClientProcessFinder, NamesTheProcessAtTheOtherEnd) {
  for (const Address& address : {Ipv4(), Ipv6()}) {
    FakeServer server(address);
    ClientProcessFinder finder;
    std::array<int, 2> hold{};
    ASSERT_EQ(::pipe(hold.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(hold[1]);
      const Result<UniqueFd> fd = DialAndWait(server.address(), kPatience);
      char byte = 0;
      [[maybe_unused]] const ssize_t got = ::read(hold[0], &byte, 1);  // until the test has looked
      ::_exit(0);
    }
    ::close(hold[0]);
    {
      const Socket from_child = server.Accept();
      EXPECT_EQ(Wait(finder.Find(PeerAddress(from_child.fd()), LocalAddress(from_child.fd()))), child);
    }
    Result<UniqueFd> own = DialAndWait(server.address(), kPatience);
    ASSERT_TRUE(own);
    for (int again = 0; again < 2; ++again) {
      const SocketAddress us = PeerAddress(own->get());
      EXPECT_EQ(Wait(finder.Find(LocalAddress(own->get()), us)), ::getpid());
    }
    ::close(hold[1]);
    ::waitpid(child, nullptr, 0);
  }
}

TEST(ClientProcessFinder, AnswersZeroForWhatIsNotThere) {
  ClientProcessFinder finder;
  const SocketAddress nobody = Resolve({.host = "127.0.0.1", .port = 1, .unix_path = ""}, false).value().front();
  const SocketAddress remote = Resolve({.host = "192.0.2.1", .port = 1, .unix_path = ""}, false).value().front();
  EXPECT_EQ(Wait(finder.Find(nobody, nobody)), 0);
  EXPECT_EQ(finder.Find(remote, nobody)->value, 0);  // at once
}

TEST(PeerProcess, IsWhoConnectedToAUnixSocket) {
  const TemporaryFolder folder;
  const Address path = folder.UnixSocket("s");
  FakeServer server(path);
  const Result<UniqueFd> client = DialAndWait(path, kPatience);
  ASSERT_TRUE(client);
  const Socket accepted = server.Accept();
  EXPECT_EQ(PeerProcess(accepted.fd()), ::getpid());
  ::unlink(path.unix_path.c_str());
}

}  // namespace
}  // namespace pgassay::relay
