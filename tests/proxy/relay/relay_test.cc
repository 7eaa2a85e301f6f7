#include "proxy/relay/relay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <random>

#include "tests/proxy/relay/relay_fixture.h"

namespace pgassay::relay {
namespace {

using namespace std::chrono_literals;
using namespace testing;

const std::string kKey = Uint32(4711) + Uint32(0xfeedbeef);

struct Pair {
  Socket client;
  Socket server;
};

Pair LogIn(RunningRelay& relay, FakeServer& upstream, size_t route = 0, const std::string& key = kKey) {
  Socket client = relay.Connect(route);
  client.Send(StartupMessage());
  Socket server = upstream.Accept();
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  server.Send(LoginReply(key));
  EXPECT_EQ(client.Receive(LoginReply(key).size()), LoginReply(key));
  return {std::move(client), std::move(server)};
}

std::string RandomBytes(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Sends all of `bytes` in pieces of random sizes.
void SendInPieces(Socket& to, std::string_view bytes, unsigned seed) {
  std::mt19937 random(seed);
  while (!bytes.empty()) {
    const size_t size = std::min<size_t>(bytes.size(), 1 + random() % 100'000);
    to.Send(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

std::string Code(std::string_view error_response) {
  const size_t at = error_response.find(std::string_view("\0C", 2));
  return at == std::string_view::npos ? "" : std::string(error_response.substr(at + 2, 5));
}

TEST(Relay, PassesBytesOverEveryPairOfTransports) {
  const TemporaryFolder folder;
  const std::vector<Address> listens = {Ipv4(), Ipv6(), folder.UnixSocket("listen")};
  const std::vector<Address> upstreams = {Ipv4(), Ipv6(), folder.UnixSocket("upstream")};
  for (const Address& listen : listens) {
    for (const Address& upstream_address : upstreams) {
      SCOPED_TRACE(ToString(listen) + " to " + ToString(upstream_address));
      FakeServer upstream(upstream_address);
      RunningRelay relay(OneRoute(listen, upstream.address()));
      Pair pair = LogIn(relay, upstream);
      pair.client.Send(Message('Q', std::string("select 1\0", 9)));
      EXPECT_EQ(pair.server.Receive(14), Message('Q', std::string("select 1\0", 9)));
      pair.server.Send(Message('I', "") + Message('Z', "I"));
      EXPECT_EQ(pair.client.Receive(11), Message('I', "") + Message('Z', "I"));
    }
    ::unlink(folder.UnixSocket("upstream").unix_path.c_str());
  }
}

TEST(Relay, PassesAnyBytesUnchangedInBothDirectionsAtOnce) {
  for (const int threads : {1, 2}) {
    FakeServer upstream(Ipv4());
    RelayOptions options = OneRoute(Ipv4(), upstream.address());
    options.threads = threads;
    RunningRelay relay(options);
    Pair pair = LogIn(relay, upstream);
    const std::string requests = RandomBytes(3'000'000, 1);
    const std::string replies = RandomBytes(5'000'000, 2);
    std::thread client_sends([&] { SendInPieces(pair.client, requests, 3); });
    std::thread server_sends([&] { SendInPieces(pair.server, replies, 4); });
    std::string got_requests;
    std::thread server_reads([&] { got_requests = pair.server.Receive(requests.size()); });
    EXPECT_EQ(pair.client.Receive(replies.size()), replies);
    client_sends.join();
    server_sends.join();
    server_reads.join();
    EXPECT_EQ(got_requests, requests);
    pair.client.Close();
    EXPECT_TRUE(pair.server.SeesEndOfStream());
    pair.server.Close();
    relay.Stop();
    const uint64_t all = StartupMessage().size() + LoginReply(kKey).size() + requests.size() + replies.size();
    EXPECT_EQ(relay.Total(&LoopTotals::relayed_bytes), all);
    EXPECT_EQ(relay.Total(&LoopTotals::decoded_bytes) + relay.Total(&LoopTotals::skipped_bytes) +
                  relay.Total(&LoopTotals::opaque_bytes),
              all);
    EXPECT_EQ(relay.Total(&LoopTotals::sessions_opened), 1u);
    EXPECT_EQ(relay.Total(&LoopTotals::sessions_closed), 1u);
    EXPECT_EQ(relay.Total(&LoopTotals::sessions_opaque), 1u);  // random bytes are no messages
  }
}

TEST(Relay, DialsTheServerOnlyWhenTheFirstEightBytesAreThere) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Socket client = relay.Connect();
  const std::string startup = StartupMessage();
  client.Send(startup.substr(0, 7));
  EXPECT_FALSE(upstream.HasCaller(100ms));
  client.Send(startup.substr(7, 1));
  Socket server = upstream.Accept();
  for (size_t i = 8; i < startup.size(); ++i) client.Send(startup.substr(i, 1));
  EXPECT_EQ(server.Receive(startup.size()), startup);
}

TEST(Relay, ClosesAConnectionThatSaysTooLittleForTooLong) {
  FakeServer upstream(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  options.first_bytes_limit = 100ms;
  RunningRelay relay(options);
  Socket silent = relay.Connect();
  Socket slow = relay.Connect();
  slow.Send(StartupMessage().substr(0, 7));
  Pair normal = LogIn(relay, upstream);
  EXPECT_TRUE(silent.SeesEndOfStream());
  EXPECT_TRUE(slow.SeesEndOfStream());
  EXPECT_FALSE(upstream.HasCaller(0ms));
  normal.client.Send("Q");
  EXPECT_EQ(normal.server.Receive(1), "Q");
}

TEST(Relay, AnswersEncryptionRequestsWithNAndGoesOn) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Socket client = relay.Connect();
  client.Send(GssEncRequest());
  EXPECT_EQ(client.Receive(1), "N");
  client.Send(SslRequest());
  EXPECT_EQ(client.Receive(1), "N");
  client.Send(StartupMessage());
  Socket server = upstream.Accept();
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  EXPECT_EQ(relay.Total(&LoopTotals::ssl_refused), 1u);
  EXPECT_EQ(relay.Total(&LoopTotals::gssenc_refused), 1u);
}

TEST(Relay, LeavesGssEncryptionToTheServerWhenToldTo) {
  FakeServer upstream(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  options.gss_passthrough = true;
  RunningRelay relay(options);
  const auto asks = [&](std::string_view answer, const std::string& then) {
    Socket client = relay.Connect();
    client.Send(GssEncRequest());
    Socket server = upstream.Accept();
    EXPECT_EQ(server.Receive(8), GssEncRequest());
    server.Send(answer);
    EXPECT_EQ(client.Receive(1), answer);
    client.Send(then);
    EXPECT_EQ(server.Receive(then.size()), then);
    client.Close();
    EXPECT_TRUE(server.SeesEndOfStream());
  };
  asks("G", "no message of the protocol");
  asks("N", StartupMessage());
  relay.Stop();
  EXPECT_EQ(relay.Total(&LoopTotals::sessions_opaque), 1u);
  EXPECT_EQ(relay.Total(&LoopTotals::gssenc_refused), 0u);
}

// All connected TCP sockets of this process but those that the test itself holds.
TEST(Relay, SetsItsSocketsToSendAtOnceAndToNoticeADeadPeer) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Socket client = relay.Connect();
  client.Send(StartupMessage());
  Socket server = upstream.Accept();
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  int seen = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    const std::string peer = ToText(PeerAddress(fd));
    const bool to_client = peer == ToText(LocalAddress(client.fd()));
    if (!to_client && peer != ToText(LocalAddress(server.fd()))) continue;
    ++seen;
    for (const auto& [level, option] :
         {std::pair<int, int>(IPPROTO_TCP, TCP_NODELAY), std::pair<int, int>(SOL_SOCKET, SO_KEEPALIVE)}) {
      int set = 0;
      socklen_t size = sizeof set;
      EXPECT_EQ(::getsockopt(fd, level, option, &set, &size), 0);
      EXPECT_NE(set, 0) << (to_client ? "client's leg" : "server's leg") << ", option " << option;
    }
  }
  EXPECT_EQ(seen, 2);
}

TEST(Relay, RefusesBytesBehindAnEncryptionRequest) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  for (const std::string& request : {SslRequest(), GssEncRequest()}) {
    Socket client = relay.Connect();
    client.Send(request + StartupMessage());
    const std::string answer = client.ReceiveAll();
    ASSERT_FALSE(answer.empty());
    EXPECT_EQ(answer[0], 'E');
    EXPECT_EQ(Code(answer), "08P01");
  }
  EXPECT_FALSE(upstream.HasCaller(50ms));
}

TEST(Relay, PassesACancelRequestToTheServerThatHoldsTheKey) {
  FakeServer first(Ipv4());
  FakeServer second(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), first.address());
  options.routes.push_back({.listen = Ipv4(), .upstream = second.address()});
  options.threads = 2;
  RunningRelay relay(options);
  const std::string long_key = Uint32(99) + std::string(32, 'k');
  Pair session = LogIn(relay, second, 1, long_key);

  Socket cancel = relay.Connect(0);
  const std::string request = CancelRequest(long_key);
  cancel.Send(request.substr(0, 11));
  cancel.Send(request.substr(11));
  Socket server = second.Accept();
  EXPECT_EQ(server.Receive(request.size()), request);
  EXPECT_TRUE(cancel.HasNothingToReadFor(50ms));
  server.Close();
  EXPECT_TRUE(cancel.SeesEndOfStream());
  EXPECT_EQ(relay.Total(&LoopTotals::cancel_requests), 1u);

  // An unknown key, or one whose session is gone, goes where a session would go.
  session.client.Close();
  EXPECT_TRUE(session.server.SeesEndOfStream());
  session.server.Close();
  ASSERT_TRUE(relay.WaitForTotal(&LoopTotals::sessions_closed, 1));
  Socket late = relay.Connect(0);
  late.Send(request);
  EXPECT_EQ(first.Accept().Receive(request.size()), request);
}

TEST(Relay, DeliversTheAnswerToAClientThatHasStoppedSending) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Pair pair = LogIn(relay, upstream);
  pair.client.Send("Q");
  pair.client.EndSending();
  EXPECT_EQ(pair.server.ReceiveAll(), "Q");
  const std::string answer = RandomBytes(2'000'000, 5);
  std::thread server_sends([&] {
    pair.server.Send(answer);
    pair.server.Close();
  });
  EXPECT_EQ(pair.client.ReceiveAll(), answer);
  server_sends.join();
}

TEST(Relay, DeliversToAServerThatHasStoppedSending) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Pair pair = LogIn(relay, upstream);
  pair.server.Send("bye");
  pair.server.EndSending();
  EXPECT_EQ(pair.client.ReceiveAll(), "bye");
  const std::string rest = RandomBytes(2'000'000, 6);
  std::thread client_sends([&] {
    pair.client.Send(rest);
    pair.client.Close();
  });
  EXPECT_EQ(pair.server.ReceiveAll(), rest);
  client_sends.join();
}

TEST(Relay, PassesAResetOnAsAReset) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Pair from_client = LogIn(relay, upstream);
  from_client.client.Reset();
  EXPECT_TRUE(from_client.server.SeesReset());
  Pair from_server = LogIn(relay, upstream);
  from_server.server.Reset();
  EXPECT_TRUE(from_server.client.SeesReset());
}

TEST(Relay, DeliversTheServersLastWordsBeforeTheClose) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  const std::string last_words = Message('E', std::string("SFATAL\0C57P01\0Mterminating connection\0\0", 39));
  Pair idle = LogIn(relay, upstream);
  idle.server.Send(last_words);
  idle.server.Close();
  EXPECT_EQ(idle.client.ReceiveAll(), last_words);

  for (int round = 0; round < 20; ++round) {  // while the client is sending
    Pair busy = LogIn(relay, upstream);
    busy.server.Send(last_words);
    busy.client.Send(RandomBytes(1000, 7));
    busy.server.Close();
    EXPECT_EQ(busy.client.Receive(last_words.size()), last_words);
  }
}

TEST(Relay, SaysThatTheServerCannotBeReached) {
  Address nowhere;
  {
    const FakeServer gone(Ipv4());
    nowhere = gone.address();
  }
  RunningRelay relay(OneRoute(Ipv4(), nowhere));
  Socket client = relay.Connect();
  client.Send(StartupMessage());
  const std::string answer = client.ReceiveAll();
  EXPECT_EQ(Code(answer), "57P03");
  EXPECT_NE(answer.find(ToString(nowhere)), std::string::npos);
  EXPECT_EQ(relay.Total(&LoopTotals::refused_connections), 1u);
}

TEST(Relay, RefusesMoreConnectionsThanAllowedUntilOneEnds) {
  FakeServer upstream(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  options.max_connections = 2;
  RunningRelay relay(options);
  Pair first = LogIn(relay, upstream);
  const Pair second = LogIn(relay, upstream);
  Socket third = relay.Connect();
  third.Send(StartupMessage());
  EXPECT_EQ(Code(third.ReceiveAll()), "53300");
  EXPECT_FALSE(upstream.HasCaller(50ms));
  first.client.Close();
  EXPECT_TRUE(first.server.SeesEndOfStream());
  first.server.Close();
  ASSERT_TRUE(relay.WaitForTotal(&LoopTotals::sessions_closed, 1));
  LogIn(relay, upstream);
}

TEST(Relay, ReadsNoMoreFromAServerThanAStalledClientTakes) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()));
  Pair stalled = LogIn(relay, upstream);
  const int small = 64 * 1024;
  ::setsockopt(stalled.server.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  const std::string chunk = RandomBytes(1'000'000, 8);
  const timeval half_a_second{0, 500'000};
  ::setsockopt(stalled.server.fd(), SOL_SOCKET, SO_SNDTIMEO, &half_a_second, sizeof(half_a_second));
  size_t sent = 0;
  ssize_t last = 0;
  do {  // until one send is cut short by the time limit
    last = ::send(stalled.server.fd(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
    sent += static_cast<size_t>(std::max<ssize_t>(last, 0));
  } while (last == static_cast<ssize_t>(chunk.size()) && sent < 200'000'000);
  EXPECT_LT(sent, 30'000'000u) << "somebody takes bytes that nobody reads";

  Pair other = LogIn(relay, upstream);
  other.client.Send("Q");
  EXPECT_EQ(other.server.Receive(1), "Q");

  stalled.server.Close();
  std::string got = stalled.client.ReceiveAll();
  ASSERT_EQ(got.size(), sent);
  for (size_t at = 0; at + chunk.size() <= sent; at += chunk.size()) {
    ASSERT_EQ(got.compare(at, chunk.size(), chunk), 0);
  }
}

TEST(Relay, LetsSessionsEndWithinTheDrainTime) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()), 5000);
  Pair pair = LogIn(relay, upstream);
  relay.AskToStop();
  std::this_thread::sleep_for(50ms);
  pair.client.Send("Q");
  EXPECT_EQ(pair.server.Receive(1), "Q");
  EXPECT_FALSE(relay.done());
  pair.client.Close();
  EXPECT_TRUE(pair.server.SeesEndOfStream());
  pair.server.Close();
  const auto from = std::chrono::steady_clock::now();
  relay.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - from, 2s);
  EXPECT_TRUE(relay.done());
}

TEST(Relay, EndsIdleSessionsAtOnceWithoutDrainButRelaysWhatHadArrived) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(OneRoute(Ipv4(), upstream.address()), 0);
  Pair idle = LogIn(relay, upstream);
  Pair ended = LogIn(relay, upstream);
  ended.client.Send(Message('X', ""));
  ended.client.Close();
  relay.Stop();
  EXPECT_EQ(ended.server.ReceiveAll(), Message('X', ""));
  EXPECT_TRUE(idle.client.SeesEndOfStream());
  EXPECT_TRUE(idle.server.SeesEndOfStream());
  EXPECT_EQ(relay.Total(&LoopTotals::sessions_closed), 2u);
}

TEST(Relay, GoesOnWhenDescriptorsRunOut) {
  FakeServer upstream(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  Result<std::vector<Listener>> listeners = BindListeners(options);
  ASSERT_TRUE(listeners);
  const Address bound = listeners->front().bound;
  std::array<int, 2> stop{};
  ASSERT_EQ(::pipe(stop.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {  // a process of its own, with a limit of its own
    ::close(stop[1]);
    const rlimit few{.rlim_cur = 24, .rlim_max = 24};
    ::setrlimit(RLIMIT_NOFILE, &few);
    auto totals = std::make_unique<SharedTotals>();
    std::vector<std::byte> memory((1 << 16) + 256);
    const size_t misaligned = reinterpret_cast<uintptr_t>(memory.data()) % 64;
    SharedRing ring = SharedRing::Attach(std::span(memory).subspan((64 - misaligned) % 64, (1 << 16) + 128));
    const HashKey key = HashKey::ForTests(1);
    const Result<> served =
        Serve(options, std::move(*listeners), {.rings = {&ring, 1}, .totals = totals.get(), .key = &key}, stop[0], 0);
    ::_exit(served ? 0 : 1);
  }
  listeners->clear();
  ::close(stop[0]);
  {
    std::vector<Socket> crowd;
    crowd.reserve(40);
    for (int i = 0; i < 40; ++i) crowd.emplace_back(std::move(*DialAndWait(bound, kPatience)));
    for (Socket& one : crowd) one.Send("\0");
    std::this_thread::sleep_for(300ms);
  }
  Socket client(std::move(*DialAndWait(bound, kPatience)));
  client.Send(StartupMessage());
  {
    Socket server = upstream.Accept();
    EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  }
  ::close(stop[1]);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  EXPECT_LT(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec, 1) << "it spun while it could not accept";
}

TEST(Listeners, SayWhenAnAddressIsInUse) {
  const FakeServer holder(Ipv4());
  const Result<std::vector<Listener>> listeners = BindListeners(OneRoute(holder.address(), Ipv4()));
  ASSERT_FALSE(listeners);
  EXPECT_NE(listeners.error().message.find(ToString(holder.address()) + ": address in use"), std::string::npos)
      << listeners.error().message;
}

TEST(Listeners, TakeOverADeadUnixSocketButNotALivingOne) {
  const TemporaryFolder folder;
  const Address path = folder.UnixSocket("s");
  {
    const Result<std::vector<Listener>> dead = BindListeners(OneRoute(path, Ipv4()));
    ASSERT_TRUE(dead);
  }
  {
    const Result<std::vector<Listener>> alive = BindListeners(OneRoute(path, Ipv4()));
    ASSERT_TRUE(alive) << alive.error().message;
    struct stat status{};
    ASSERT_EQ(::stat(path.unix_path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_FALSE(BindListeners(OneRoute(path, Ipv4())));
  }
  ::unlink(path.unix_path.c_str());
}

}  // namespace
}  // namespace pgassay::relay
