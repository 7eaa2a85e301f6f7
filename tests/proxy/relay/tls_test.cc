// TLS of the relay, both legs: a client or a server of the test speaks it with the same TlsStream; that others
// understand it is proven end to end (tests/e2e/test_tls.py).
#include "proxy/relay/tls.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/proxy/relay/relay_fixture.h"

namespace pgassay::relay {
namespace {

using namespace std::chrono_literals;
using namespace testing;

const std::string kKey = Uint32(4711) + Uint32(0xfeedbeef);

class Certificates {
 public:
  Certificates() {
    std::string path = ::testing::TempDir() + "tls-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    const Result<> made = MakeDevelopmentCertificates(folder_);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  ClientTlsOptions Own() const {
    return {.certificate_file = Path("localhost.crt"), .key_file = Path("localhost.key")};
  }
  UpstreamTlsOptions Trusting(UpstreamTlsMode mode = UpstreamTlsMode::kVerifyFull) const {
    return {.mode = mode, .ca_file = Path("ca.crt"), .certificate_file = "", .key_file = "", .host = ""};
  }

 private:
  std::string folder_;
};

const Certificates& Ours() {
  static const Certificates certificates;
  return certificates;
}
const Certificates& Strangers() {
  static const Certificates certificates;
  return certificates;
}

// The TLS that speaks through a Socket; blocking, with the socket's patience.
class Secured {
 public:
  Secured(Socket socket, Result<TlsStream> tls) : socket_(std::move(socket)), tls_(std::move(*tls)) {
    status_ = tls_.Handshake();
  }
  static Secured Client(Socket socket, const Certificates& trusted = Ours()) {
    const Result<TlsContext> context = TlsContext::ForUpstream(trusted.Trusting());
    const int fd = socket.fd();
    return {std::move(socket), TlsStream::Connect(*context, fd, "localhost")};
  }
  static Secured Server(Socket socket, const Certificates& own = Ours()) {
    const Result<TlsContext> context = TlsContext::ForClients(own.Own());
    const int fd = socket.fd();
    return {std::move(socket), TlsStream::Accept(*context, fd, false, {})};
  }
  bool agreed() const { return status_ == TlsStatus::kDone; }
  std::string failure() const { return tls_.failure(); }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      size_t moved = 0;
      ASSERT_EQ(tls_.Write(bytes.data(), bytes.size(), moved), TlsStatus::kDone);
      bytes.remove_prefix(moved);
    }
  }
  std::string Receive(size_t size) {
    std::string bytes(size, '\0');
    size_t had = 0;
    size_t moved = 0;
    while (had < size && tls_.Read(bytes.data() + had, size - had, moved) == TlsStatus::kDone) had += moved;
    bytes.resize(had);
    return bytes;
  }
  std::string ReceiveAll() {
    std::string bytes;
    std::string buffer(kTlsRecordBytes, '\0');
    size_t moved = 0;
    while (tls_.Read(buffer.data(), buffer.size(), moved) == TlsStatus::kDone) bytes.append(buffer, 0, moved);
    return bytes;
  }
  TlsStatus end() const { return tls_.read_end(); }
  void EndSending() { tls_.SendCloseNotify(); }
  void Close() {
    tls_.SendCloseNotify();
    socket_.Close();
  }
  Socket& socket() { return socket_; }

 private:
  Socket socket_;
  TlsStream tls_;
  TlsStatus status_ = TlsStatus::kFailed;
};

std::string RandomBytes(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string Code(std::string_view error_response) {
  const size_t at = error_response.find(std::string_view("\0C", 2), 5);  // a length may hold these bytes
  return at == std::string_view::npos ? "" : std::string(error_response.substr(at + 2, 5));
}

RelayOptions TlsRoute(const FakeServer& upstream, bool for_clients, bool to_server) {
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  if (for_clients) options.client_tls = Ours().Own();
  if (to_server) options.routes[0].upstream_tls = Ours().Trusting();
  return options;
}

Secured AskedForTls(const RunningRelay& relay, const Certificates& trusted = Ours()) {
  Socket client = relay.Connect();
  client.Send(SslRequest());
  EXPECT_EQ(client.Receive(1), "S");
  return Secured::Client(std::move(client), trusted);
}

Secured AnsweredForTls(FakeServer& upstream, const Certificates& own = Ours()) {
  Socket server = upstream.Accept();
  EXPECT_EQ(server.Receive(8), SslRequest());
  server.Send("S");
  return Secured::Server(std::move(server), own);
}

TEST(TlsRelay, DecodesASessionOfAClientThatAskedForTls) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, false));
  Secured client = AskedForTls(relay);
  ASSERT_TRUE(client.agreed()) << client.failure();
  client.Send(StartupMessage());
  Socket server = upstream.Accept();
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  server.Send(LoginReply(kKey));
  EXPECT_EQ(client.Receive(LoginReply(kKey).size()), LoginReply(kKey));
  const std::string query = Message('Q', std::string("select 1\0", 9));
  const std::string reply = Message('C', std::string("SELECT 1\0", 9)) + Message('Z', "I");
  client.Send(query);
  EXPECT_EQ(server.Receive(query.size()), query);
  server.Send(reply);
  EXPECT_EQ(client.Receive(reply.size()), reply);
  client.Close();
  EXPECT_TRUE(server.SeesEndOfStream());
  server.Close();
  relay.Stop();
  EXPECT_EQ(relay.Total(&LoopTotals::tls_clients), 1u);
  EXPECT_EQ(relay.Total(&LoopTotals::ssl_refused), 0u);
  EXPECT_EQ(relay.Total(&LoopTotals::queries), 1u);
  EXPECT_EQ(relay.Total(&LoopTotals::opaque_bytes), 0u);
  EXPECT_EQ(relay.Total(&LoopTotals::relayed_bytes),
            StartupMessage().size() + LoginReply(kKey).size() + query.size() + reply.size());
}

TEST(TlsRelay, TakesDirectTlsOnlyWithItsAlpn) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, false));
  Secured client = Secured::Client(relay.Connect());  // offers "postgresql"
  ASSERT_TRUE(client.agreed()) << client.failure();
  client.Send(StartupMessage());
  EXPECT_EQ(upstream.Accept().Receive(StartupMessage().size()), StartupMessage());
  EXPECT_EQ(relay.Total(&LoopTotals::tls_clients), 1u);
}

TEST(TlsRelay, RefusesPlaintextBehindTheRequest) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, false));
  Socket client = relay.Connect();
  client.Send(SslRequest() + "Q");
  EXPECT_EQ(Code(client.ReceiveAll()), "08P01");
  EXPECT_EQ(relay.Total(&LoopTotals::bytes_before_tls), 1u);
  EXPECT_FALSE(upstream.HasCaller(20ms));
}

TEST(TlsRelay, RefusesASecondRequestForEncryptionInsideTls) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, false));
  for (const std::string& request : {SslRequest(), GssEncRequest()}) {
    Secured client = AskedForTls(relay);
    client.Send(request);
    EXPECT_EQ(Code(client.ReceiveAll()), "0A000");
    EXPECT_EQ(client.end(), TlsStatus::kClosed);
  }
  EXPECT_FALSE(upstream.HasCaller(20ms));
}

TEST(TlsRelay, CountsAndClosesWhatIsNoHandshake) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, false));
  Socket client = relay.Connect();
  client.Send(SslRequest());
  EXPECT_EQ(client.Receive(1), "S");
  client.Send(StartupMessage());
  client.ReceiveAll();
  EXPECT_TRUE(relay.WaitForTotal(&LoopTotals::tls_client_failures, 1));
  Secured distrusts = AskedForTls(relay, Strangers());
  EXPECT_FALSE(distrusts.agreed());
  distrusts.Close();
  EXPECT_TRUE(relay.WaitForTotal(&LoopTotals::tls_client_failures, 2));
  EXPECT_FALSE(upstream.HasCaller(20ms));
}

TEST(TlsRelay, StillTakesPlainClientsOnLoopback) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, false));
  Socket client = relay.Connect();
  client.Send(StartupMessage());
  EXPECT_EQ(upstream.Accept().Receive(StartupMessage().size()), StartupMessage());
}

TEST(TlsRelay, RefusesPlainLoginsFromOtherMachinesUnlessTold) {
  FakeServer upstream(Ipv4());
  RelayOptions options = TlsRoute(upstream, true, false);
  options.routes[0].listen.host = "0.0.0.0";
  options.plaintext_remote = false;
  RunningRelay relay(options);
  Socket client = relay.Connect();
  client.Send(StartupMessage());
  EXPECT_EQ(Code(client.ReceiveAll()), "28000");
  Secured secured = AskedForTls(relay);
  secured.Send(StartupMessage());
  EXPECT_EQ(upstream.Accept().Receive(StartupMessage().size()), StartupMessage());
}

TEST(TlsRelay, ReachesAServerOverTls) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, false, true));
  Socket client = relay.Connect();
  client.Send(StartupMessage());
  Secured server = AnsweredForTls(upstream);
  ASSERT_TRUE(server.agreed()) << server.failure();
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  server.Send(LoginReply(kKey));
  EXPECT_EQ(client.Receive(LoginReply(kKey).size()), LoginReply(kKey));
  server.Close();
  EXPECT_TRUE(client.SeesEndOfStream());
}

TEST(TlsRelay, NeverFallsBackWhenTheServerDoesNotComeToTerms) {
  for (const std::string& answer : {std::string("N"), Message('E', std::string("SFATAL\0Msecret\0\0", 16)),
                                    std::string("X"), std::string("SE"), std::string()}) {
    SCOPED_TRACE(answer);
    FakeServer upstream(Ipv4());
    RunningRelay relay(TlsRoute(upstream, false, true));
    Socket client = relay.Connect();
    client.Send(StartupMessage());
    Socket server = upstream.Accept();
    EXPECT_EQ(server.Receive(8), SslRequest());
    server.Send(answer);
    if (answer.empty()) server.Close();
    const std::string said = client.ReceiveAll();
    EXPECT_EQ(Code(said), "08006");
    EXPECT_EQ(said.find("secret"), std::string::npos);
    if (!answer.empty()) {
      EXPECT_EQ(server.ReceiveAll(), "") << "something followed the request";
    }
    EXPECT_EQ(relay.Total(&LoopTotals::tls_server_failures), 1u);
    EXPECT_EQ(relay.Total(&LoopTotals::bytes_before_tls), answer == "SE" ? 1u : 0u);
  }
}

TEST(TlsRelay, VerifiesTheServerAsAsked) {
  const struct {
    UpstreamTlsMode mode;
    const Certificates& shown;
    std::string host;
    bool agrees;
  } cases[] = {{UpstreamTlsMode::kRequire, Strangers(), "127.0.0.1", true},
               {UpstreamTlsMode::kVerifyCa, Ours(), "127.0.0.1", true},
               {UpstreamTlsMode::kVerifyCa, Ours(), "127.0.0.2", true},  // on the certificate is 127.0.0.1
               {UpstreamTlsMode::kVerifyCa, Strangers(), "127.0.0.1", false},
               {UpstreamTlsMode::kVerifyFull, Ours(), "127.0.0.1", true},
               {UpstreamTlsMode::kVerifyFull, Ours(), "localhost", true},
               {UpstreamTlsMode::kVerifyFull, Ours(), "127.0.0.2", false},
               {UpstreamTlsMode::kVerifyFull, Strangers(), "127.0.0.1", false}};
  for (const auto& one : cases) {
    SCOPED_TRACE(::testing::Message() << static_cast<int>(one.mode) << " " << one.host);
    Address everywhere = Ipv4();
    everywhere.host = "0.0.0.0";
    FakeServer upstream(everywhere);
    RelayOptions options = OneRoute(Ipv4(), {.host = one.host, .port = upstream.address().port, .unix_path = ""});
    options.routes[0].upstream_tls = Ours().Trusting(one.mode);
    RunningRelay relay(options);
    Socket client = relay.Connect();
    client.Send(StartupMessage());
    Secured server = AnsweredForTls(upstream, one.shown);
    if (one.agrees) {
      EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
    } else {
      EXPECT_EQ(server.Receive(1), "");
      EXPECT_EQ(Code(client.ReceiveAll()), "08006");
    }
  }
}

TEST(TlsRelay, PassesAnyBytesUnchangedOverBothLegsAtOnce) {
  for (const auto& [for_clients, to_server] : {std::pair(true, false), {false, true}, {true, true}}) {
    FakeServer upstream(Ipv4());
    RunningRelay relay(TlsRoute(upstream, for_clients, to_server));
    std::optional<Secured> secured_client, secured_server;
    std::optional<Socket> plain_client, plain_server;
    if (for_clients)
      secured_client.emplace(AskedForTls(relay));
    else
      plain_client.emplace(relay.Connect());
    for_clients ? secured_client->Send(StartupMessage()) : plain_client->Send(StartupMessage());
    if (to_server)
      secured_server.emplace(AnsweredForTls(upstream));
    else
      plain_server.emplace(upstream.Accept());
    const auto server_gets = [&](size_t n) {
      return to_server ? secured_server->Receive(n) : plain_server->Receive(n);
    };
    const auto client_gets = [&](size_t n) {
      return for_clients ? secured_client->Receive(n) : plain_client->Receive(n);
    };
    EXPECT_EQ(server_gets(StartupMessage().size()), StartupMessage());
    const std::string requests = RandomBytes(7'000'000, 1);
    const std::string replies = LoginReply(kKey) + RandomBytes(9'000'000, 2);
    // One TLS stream is not for two threads: both directions run at once, each end in one of them at a time.
    std::thread server([&] {
      to_server ? secured_server->Send(replies) : plain_server->Send(replies);
      EXPECT_EQ(server_gets(requests.size()), requests);
    });
    EXPECT_EQ(client_gets(replies.size()), replies);
    for_clients ? secured_client->Send(requests) : plain_client->Send(requests);
    server.join();
    for_clients ? secured_client->Close() : plain_client->Close();
    EXPECT_EQ(to_server ? secured_server->ReceiveAll() : plain_server->ReceiveAll(), "");
    if (to_server) {
      EXPECT_EQ(secured_server->end(), TlsStatus::kClosed);
    }
    to_server ? secured_server->Close() : plain_server->Close();
    relay.Stop();
    const uint64_t all = StartupMessage().size() + requests.size() + replies.size();
    EXPECT_EQ(relay.Total(&LoopTotals::relayed_bytes), all);
    EXPECT_EQ(relay.Total(&LoopTotals::decoded_bytes) + relay.Total(&LoopTotals::skipped_bytes) +
                  relay.Total(&LoopTotals::opaque_bytes),
              all);
  }
}

struct Pair {
  Secured client;
  Secured server;
};

Pair LogIn(const RunningRelay& relay, FakeServer& upstream) {
  Secured client = AskedForTls(relay);
  client.Send(StartupMessage());
  Secured server = AnsweredForTls(upstream);
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  server.Send(LoginReply(kKey));
  EXPECT_EQ(client.Receive(LoginReply(kKey).size()), LoginReply(kKey));
  return {std::move(client), std::move(server)};
}

TEST(TlsRelay, ReadsNoMoreFromAServerThanAStalledClientTakesAndLosesNothing) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, true));
  Pair stalled = LogIn(relay, upstream);
  const std::string chunk = RandomBytes(50'000'000, 8);
  std::atomic<size_t> sent = 0;
  std::thread server([&] {
    for (size_t at = 0; at < chunk.size(); at += 1'000'000) {
      stalled.server.Send(std::string_view(chunk).substr(at, 1'000'000));
      sent = at + 1'000'000;
    }
    stalled.server.Close();
  });
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(sent.load(), 30'000'000u) << "somebody takes bytes that nobody reads";
  Pair other = LogIn(relay, upstream);
  other.client.Send("Q");
  EXPECT_EQ(other.server.Receive(1), "Q");
  EXPECT_TRUE(stalled.client.ReceiveAll() == chunk);
  server.join();
  EXPECT_EQ(stalled.client.end(), TlsStatus::kClosed);
}

TEST(TlsRelay, PassesEachKindOfEndOnAsWhatItIs) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, true));
  {
    Pair pair = LogIn(relay, upstream);  // said
    pair.client.EndSending();
    EXPECT_EQ(pair.server.ReceiveAll(), "");
    EXPECT_EQ(pair.server.end(), TlsStatus::kClosed);
    const std::string answer = RandomBytes(2'000'000, 5);
    std::thread server([&] {
      pair.server.Send(answer);
      pair.server.Close();
    });
    EXPECT_TRUE(pair.client.ReceiveAll() == answer);
    server.join();
  }
  {
    Pair pair = LogIn(relay, upstream);  // cut off
    pair.server.socket().Close();
    EXPECT_EQ(pair.client.ReceiveAll(), "");
    EXPECT_EQ(pair.client.end(), TlsStatus::kTruncated);
  }
  {
    Pair pair = LogIn(relay, upstream);  // reset
    pair.client.socket().Reset();
    EXPECT_TRUE(pair.server.socket().SeesReset());
  }
  {
    Pair pair = LogIn(relay, upstream);  // no TLS any more: nothing that came behind may look whole
    pair.client.socket().Send("plain text in the middle");
    EXPECT_TRUE(pair.server.socket().SeesReset());
  }
}

TEST(TlsRelay, DeliversTheServersLastWordsBeforeTheClose) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, true));
  const std::string last_words = Message('E', std::string("SFATAL\0C57P01\0Mterminating connection\0\0", 39));
  for (int round = 0; round < 20; ++round) {
    Pair busy = LogIn(relay, upstream);
    busy.server.Send(last_words);
    busy.client.Send(RandomBytes(1000, 7));
    busy.server.Close();
    EXPECT_EQ(busy.client.Receive(last_words.size()), last_words);
  }
}

TEST(TlsRelay, SendsACancelRequestOverTlsToTheServerOfItsKey) {
  FakeServer plain(Ipv4());
  FakeServer secure(Ipv4());
  RelayOptions options = TlsRoute(plain, true, false);
  options.routes.push_back({.listen = Ipv4(), .upstream = secure.address(), .upstream_tls = Ours().Trusting()});
  RunningRelay relay(options);
  Socket client = relay.Connect(1);
  client.Send(StartupMessage());
  Secured server = AnsweredForTls(secure);
  server.Send(LoginReply(kKey));
  EXPECT_EQ(client.Receive(LoginReply(kKey).size()), LoginReply(kKey));
  const std::string request = CancelRequest(kKey);
  Socket in_plain = relay.Connect(0);
  in_plain.Send(request);
  EXPECT_EQ(AnsweredForTls(secure).Receive(request.size()), request);
  Secured in_tls = AskedForTls(relay);
  in_tls.Send(request.substr(0, 11));
  in_tls.Send(request.substr(11));
  EXPECT_EQ(AnsweredForTls(secure).Receive(request.size()), request);
  EXPECT_FALSE(plain.HasCaller(20ms));
}

TEST(TlsRelay, TakesTheBindingOfferAwayOnlyBetweenAPlainClientAndATlsServer) {
  const std::string offer = Message('R', Uint32(10) + std::string("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", 34));
  const std::string without = Message('R', Uint32(10) + std::string("SCRAM-SHA-256\0\0", 15));
  for (const bool keep : {false, true}) {
    FakeServer upstream(Ipv4());
    RelayOptions options = TlsRoute(upstream, true, true);
    options.keep_binding_offer = keep;
    RunningRelay relay(options);
    Socket plain = relay.Connect();
    plain.Send(StartupMessage());
    Secured server = AnsweredForTls(upstream);
    server.Send(offer.substr(0, 30));
    server.Send(offer.substr(30) + "R");  // and the first byte of the next message
    const std::string& expected = keep ? offer : without;
    EXPECT_EQ(plain.Receive(expected.size() + 1), expected + "R");
    Secured secured = AskedForTls(relay);
    secured.Send(StartupMessage());
    Secured other_server = AnsweredForTls(upstream);
    other_server.Send(offer);
    EXPECT_EQ(secured.Receive(offer.size()), offer);
    relay.Stop();
    EXPECT_EQ(relay.Total(&LoopTotals::removed_bytes), keep ? 0u : 19u);
    EXPECT_EQ(relay.Total(&LoopTotals::relayed_bytes),
              2 * StartupMessage().size() + expected.size() + 1 + offer.size());
  }
}

TEST(TlsRelay, CountsALoginThatFailsForItsChannelBinding) {
  FakeServer upstream(Ipv4());
  RunningRelay relay(TlsRoute(upstream, true, true));
  Secured client = AskedForTls(relay);
  client.Send(StartupMessage());
  Secured server = AnsweredForTls(upstream);
  EXPECT_EQ(server.Receive(StartupMessage().size()), StartupMessage());
  const std::string challenge = Message('R', Uint32(11) + "r=1");
  server.Send(challenge);
  EXPECT_EQ(client.Receive(challenge.size()), challenge);
  server.Send(Message('E', std::string("SFATAL\0C28000\0MSCRAM channel binding check failed\0\0", 51)));
  server.Close();
  client.ReceiveAll();
  relay.Stop();  // bytes go before they are looked at
  EXPECT_EQ(relay.Total(&LoopTotals::binding_failures), 1u);
}

TEST(TlsRelay, PassesTlsUnreadWhenToldTo) {
  FakeServer upstream(Ipv4());
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  options.tls_passthrough = true;
  RunningRelay relay(options);
  for (const bool direct : {false, true}) {
    Socket client = relay.Connect();
    std::optional<Secured> server;
    if (!direct) client.Send(SslRequest());
    std::thread serving([&] {
      Socket accepted = upstream.Accept();
      if (!direct) {
        EXPECT_EQ(accepted.Receive(8), SslRequest());
        accepted.Send("S");
      }
      server.emplace(Secured::Server(std::move(accepted)));
    });
    if (!direct) {
      EXPECT_EQ(client.Receive(1), "S");
    }
    Secured secured = Secured::Client(std::move(client));
    serving.join();
    ASSERT_TRUE(secured.agreed()) << secured.failure();
    secured.Send(StartupMessage());
    EXPECT_EQ(server->Receive(StartupMessage().size()), StartupMessage());
    secured.Close();
    EXPECT_EQ(server->ReceiveAll(), "");
    server->Close();
  }
  relay.Stop();
  EXPECT_EQ(relay.Total(&LoopTotals::sessions_opaque), 2u);
  EXPECT_EQ(relay.Total(&LoopTotals::opaque_bytes) + 8, relay.Total(&LoopTotals::relayed_bytes));  // the SSLRequest
}

TEST(TlsRelay, ShowsTheNewCertificateOnceToldToReadIt) {
  FakeServer upstream(Ipv4());
  const Certificates changing;
  RelayOptions options = OneRoute(Ipv4(), upstream.address());
  options.client_tls = changing.Own();
  RunningRelay relay(options);
  EXPECT_FALSE(AskedForTls(relay).agreed());
  for (const char* name : {"localhost.crt", "localhost.key"}) {
    std::filesystem::copy_file(Ours().Path(name), changing.Path(name),
                               std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_FALSE(AskedForTls(relay).agreed());
  relay.totals().certificates.fetch_add(1);
  EXPECT_TRUE(AskedForTls(relay).agreed());
  std::ofstream(changing.Path("localhost.key")) << "no key";
  EXPECT_FALSE(CheckCertificates(options));
  relay.totals().certificates.fetch_add(1);
  EXPECT_TRUE(AskedForTls(relay).agreed()) << "what cannot be used must not replace what can";
}

TEST(TlsRelay, ClosesAHandshakeThatTakesTooLong) {
  FakeServer upstream(Ipv4());
  RelayOptions options = TlsRoute(upstream, true, true);
  options.first_bytes_limit = 100ms;
  RunningRelay relay(options);
  Socket silent = relay.Connect();
  silent.Send(SslRequest());
  EXPECT_EQ(silent.ReceiveAll(), "S");
  Socket waits = relay.Connect();
  waits.Send(StartupMessage());
  Socket server = upstream.Accept();
  EXPECT_EQ(Code(waits.ReceiveAll()), "08006");
}

TEST(TlsRelay, BoundsTheHandshakesWithoutALoginButLetsCancelRequestsThrough) {
  FakeServer upstream(Ipv4());
  RelayOptions options = TlsRoute(upstream, true, false);
  options.max_connections = 2;
  RunningRelay relay(options);
  std::vector<Secured> logged_in;
  std::vector<Socket> servers;
  for (int i = 0; i < 2; ++i) {
    logged_in.push_back(AskedForTls(relay));
    logged_in.back().Send(StartupMessage());
    servers.push_back(upstream.Accept());
  }
  Secured third = AskedForTls(relay);
  third.Send(StartupMessage());
  EXPECT_EQ(Code(third.ReceiveAll()), "53300");
  third.Close();
  {
    Secured cancel = AskedForTls(relay);
    const std::string request = CancelRequest(kKey);
    cancel.Send(request);
    EXPECT_EQ(upstream.Accept().Receive(request.size()), request);
    EXPECT_EQ(cancel.ReceiveAll(), "");
  }
  std::this_thread::sleep_for(50ms);  // until the relay has seen both go
  std::vector<Socket> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(relay.Connect());
    waiting.back().Send(SslRequest());
    EXPECT_EQ(waiting.back().Receive(1), "S");
  }
  Socket beyond = relay.Connect();
  beyond.Send(SslRequest());
  EXPECT_EQ(Code(beyond.ReceiveAll()), "53300");
  waiting.clear();
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(AskedForTls(relay).agreed());
}

TEST(DevelopmentCertificates, AreNeverOverwrittenAndTheKeyIsPrivate) {
  struct stat status{};
  ASSERT_EQ(::stat(Ours().Path("localhost.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const Result<> again = MakeDevelopmentCertificates(Ours().Path(""));
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("localhost.key"), std::string::npos);
}

TEST(TlsContexts, NameTheFileThatIsWrong) {
  RelayOptions options = OneRoute(Ipv4(), Ipv4());
  options.client_tls = {.certificate_file = Ours().Path("localhost.crt"),
                        .key_file = Strangers().Path("localhost.key")};
  Result<> checked = CheckCertificates(options);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find(Strangers().Path("localhost.key")), std::string::npos);
  options.client_tls = {};
  options.routes[0].upstream_tls = Ours().Trusting();
  options.routes[0].upstream_tls.ca_file = Ours().Path("nowhere.crt");
  checked = CheckCertificates(options);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("nowhere.crt"), std::string::npos);
}

}  // namespace
}  // namespace pgassay::relay
