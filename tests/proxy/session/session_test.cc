// What the golden conversations do not say: times, values, rows, dictionaries, the login, and the bounds.
#include "proxy/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/proxy/session/run_conversation.h"

namespace pgassay::session {
namespace {

using namespace tests;
using testing::ElementsAre;

constexpr uint32_t kInt4 = 23, kInt8 = 20, kText = 25, kBool = 16, kUuid = 2950, kInt4Array = 1007;

QueryEvent Only(const std::vector<QueryEvent>& events) {
  EXPECT_EQ(events.size(), 1U);
  return events.empty() ? QueryEvent{} : events.front();
}

// ---- login

TEST(SessionLogin, IsAnnouncedAtTheFirstReadyForQuery) {
  Player player;
  player.Play(Login(), 1234);
  const auto opened = player.sink().All<SessionOpened>();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0].session_id, 7U);
  EXPECT_EQ(opened[0].time_ns, 1234);
  EXPECT_EQ(opened[0].connected_ns, 900);
  EXPECT_EQ(opened[0].user, "alice");
  EXPECT_EQ(opened[0].database, "shop");
  EXPECT_EQ(opened[0].application_name, "test");
  EXPECT_EQ(opened[0].server_version, "15.4");
  EXPECT_EQ(opened[0].client_address, "127.0.0.1:50000");
  EXPECT_FALSE(opened[0].replication);
  EXPECT_TRUE(player.session().logged_in());
  EXPECT_EQ(player.session().cancel_key(), Int32(99) + "key!");
}

TEST(SessionLogin, APasswordIsPassedOverUnread) {
  Player player;
  player.Play(Login());
  EXPECT_EQ(player.session().bytes().skipped,
            Password("secret").size() + Message('R', Int32(3)).size() + AuthenticationOk().size());
}

TEST(SessionLogin, AcceptedEncryptionIsOpaque) {
  for (const char answer : {'S', 'G'}) {
    const Played played = PlayAll(
        {Client(SslRequest()), Server(std::string(1, answer)), Client("\x16\x03\x01 hello"), Server("\x16\x03")});
    EXPECT_EQ(played.opaque, OpaqueReason::kEncrypted);
    EXPECT_EQ(played.bytes.decoded, 8U);
    EXPECT_EQ(played.bytes.opaque, 12U);
    EXPECT_TRUE(played.accounted);
  }
}

// ---- values, for a sink that keeps them

Conversation BoundTwice(const std::vector<Value>& values) {
  const std::string bind = Bind("", "s", values, {1, 0, 0});
  Conversation whole = {
      Client(StartupMessage({{"user", "alice"}, {"options", "-c search_path=x"}, {"TimeZone", "UTC"}})),
      Server(AuthenticationOk() + BackendKeyData(99, "key!") + ReadyForQuery())};
  whole.push_back(Client(Parse("s", "select 1", {kInt4, kText, 0}) + bind + Execute("") + Sync()));
  whole.push_back(Server(ParseComplete() + BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery()));
  whole.push_back(Client(bind + Execute("") + Sync()));
  whole.push_back(Server(BindComplete() + ErrorResponse("22P02") + ReadyForQuery()));
  return whole;
}

std::vector<SentValues> ValuesOf(const Conversation& conversation, bool keeps_values) {
  Player player(1, keeps_values);
  player.Play(conversation);
  player.End();
  std::vector<SentValues> all = player.sink().All<SentValues>();
  for (SentValues& sent : all) {  // the sink dies with the player
    for (SentValue& value : sent.values) {
      static std::deque<std::string> texts;
      value.value = texts.emplace_back(value.value);
    }
  }
  return all;
}

TEST(SessionValues, AreGivenAsTheyWereSentBeforeTheirQueryEvent) {
  const auto sent = ValuesOf(BoundTwice({Int32(42), "ann", std::nullopt}), true);
  ASSERT_EQ(sent.size(), 1U);  // the second execution failed
  EXPECT_EQ(sent[0].execution_id, 1U);
  ASSERT_EQ(sent[0].values.size(), 3U);
  EXPECT_EQ(sent[0].values[0].type_oid, kInt4);
  EXPECT_TRUE(sent[0].values[0].binary);
  EXPECT_EQ(sent[0].values[0].value, Int32(42));
  EXPECT_FALSE(sent[0].values[1].binary);
  EXPECT_EQ(sent[0].values[1].value, "ann");
  EXPECT_TRUE(sent[0].values[2].null);
}

TEST(SessionValues, AreNowhereForASinkThatDoesNotKeepThem) {
  Player player;
  player.Play(BoundTwice({Int32(42), "ann", std::nullopt}));
  player.End();
  EXPECT_TRUE(player.sink().All<SentValues>().empty());
  EXPECT_TRUE(player.sink().All<SettingChanged>().empty());
}

TEST(SessionValues, ComeWithWhatTheStartupMessageSet) {
  Player player(1, true);
  player.Play(BoundTwice({Int32(42), "ann", std::nullopt}));
  const auto settings = player.sink().All<SettingChanged>();
  ASSERT_EQ(settings.size(), 2U);
  EXPECT_EQ(settings[0].name, "options");
  EXPECT_EQ(settings[0].value, "-c search_path=x");
  EXPECT_EQ(settings[1].name, "TimeZone");
}

TEST(SessionValues, AreAllOrNone) {
  EXPECT_TRUE(ValuesOf(BoundTwice({Int32(42), std::string(kMaxParameterBytes + 1, 'x'), "a"}), true).empty());
  const std::vector<Value> many(40, std::string(kMaxParameterBytes, 'x'));  // each is short, all are too long
  const Conversation conversation =
      AfterLogin({Client(Parse("", "select 1") + Bind("", "", many) + Execute("") + Sync()),
                  Server(ParseComplete() + BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())});
  EXPECT_TRUE(ValuesOf(conversation, true).empty());
}

TEST(SessionValues, AreTheSameForEverySplit) {
  const Conversation conversation = BoundTwice({Int32(42), "ann", std::nullopt});
  const auto lines = [](const Conversation& played) {
    Player player(1, true);
    player.Play(played);
    player.End();
    return FullLines(player.sink().Records());
  };
  const auto whole = lines(conversation);
  EXPECT_EQ(lines(InPieces(conversation, 1)), whole);
}

TEST(SessionEnd, SaysWhatTheBytesSaid) {
  const auto end_of = [](const Conversation& conversation, SessionEnd told) {
    Player player;
    player.Play(AfterLogin(conversation));
    player.End(told);
    return player.sink().All<SessionClosed>().at(0).end;
  };
  EXPECT_EQ(end_of({Client(Terminate())}, SessionEnd::kClientClosed), SessionEnd::kTerminated);
  EXPECT_EQ(end_of({}, SessionEnd::kClientClosed), SessionEnd::kClientClosed);
  EXPECT_EQ(end_of({Server(ErrorResponse("57P01", "FATAL"))}, SessionEnd::kServerClosed), SessionEnd::kServerFatal);
  EXPECT_EQ(end_of({}, SessionEnd::kReset), SessionEnd::kReset);
}

// ---- times

TEST(SessionTimes, OfOneQuery) {
  Player player;
  player.Play(Login(), 100);
  player.Play({Client(Query("select 1"))}, 200);
  player.Play({Server(RowDescription({{"a", kInt4}}))}, 300);
  player.Play({Server(DataRow({"1"}))}, 350);
  player.Play({Server(CommandComplete("SELECT 1") + ReadyForQuery())}, 400);
  const QueryEvent event = Only(player.sink().All<QueryEvent>());
  EXPECT_EQ(event.sent_ns, 200);
  EXPECT_EQ(event.first_ns, 300);
  EXPECT_EQ(event.done_ns, 400);
  EXPECT_EQ(event.time_ns, 400);
  EXPECT_EQ(event.busy_from_ns, 200);
  EXPECT_EQ(event.ready_before_ns, 100);
}

TEST(SessionTimes, InAPipelineCostBeginsWhereTheOneBeforeEnded) {
  Player player;
  player.Play(Login(), 100);
  player.Play({Client(Query("select 1") + Query("select 2"))}, 200);
  player.Play({Server(CommandComplete("SELECT 0") + ReadyForQuery())}, 300);
  player.Play({Server(CommandComplete("SELECT 0") + ReadyForQuery())}, 450);
  const auto events = player.sink().All<QueryEvent>();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].busy_from_ns, 200);
  EXPECT_EQ(events[1].sent_ns, 200);
  EXPECT_EQ(events[1].busy_from_ns, 300);
  EXPECT_EQ(events[1].first_ns, 450);
  EXPECT_TRUE(events[1].pipelined);
  EXPECT_EQ(events[1].ready_before_ns, 0);
}

TEST(SessionTimes, APrepareRoundTripDoesNotHideTheIdleGap) {
  Player player;
  player.Play(Login(), 100);
  player.Play({Client(Query("select 1"))}, 200);
  player.Play({Server(CommandComplete("SELECT 0") + ReadyForQuery())}, 300);
  player.Play({Client(Parse("s", "select 2") + Sync())}, 5000);
  player.Play({Server(ParseComplete() + ReadyForQuery())}, 5100);
  player.Play({Client(Bind("", "s") + Execute("") + Sync())}, 5200);
  player.Play({Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())}, 5300);
  EXPECT_EQ(player.sink().All<QueryEvent>().at(1).ready_before_ns, 300);
}

TEST(SessionTimes, APortalInPiecesIsSentOnceAndDoneAtItsEnd) {
  Player player;
  player.Play(Login(), 100);
  player.Play({Client(Parse("", "select 1") + Bind("c", "") + Execute("c", 1) + Sync())}, 200);
  player.Play({Server(ParseComplete() + BindComplete() + DataRow({"1"}) + PortalSuspended() + ReadyForQuery('T'))},
              300);
  player.Play({Client(Execute("c", 1) + Sync())}, 400);
  player.Play({Server(CommandComplete("SELECT 0") + ReadyForQuery('T'))}, 500);
  const QueryEvent event = Only(player.sink().All<QueryEvent>());
  EXPECT_EQ(event.sent_ns, 200);
  EXPECT_EQ(event.first_ns, 300);
  EXPECT_EQ(event.done_ns, 500);
}

// ---- bytes

TEST(SessionBytes, RequestAndResultCountTheirMessages) {
  Player player;
  const std::string parse = Parse("s", "select $1"), describe = DescribeStatement("s"), bind = Bind("", "s", {"1"}),
                    execute = Execute("");
  const std::string row = DataRow({"1"}), complete = CommandComplete("SELECT 1");
  player.Play(AfterLogin(
      {Client(parse + describe + Sync()),
       Server(ParseComplete() + ParameterDescription({kInt4}) + RowDescription({{"a", kInt4}}) + ReadyForQuery()),
       Client(bind + execute + Sync()), Server(BindComplete() + row + complete + ReadyForQuery()),
       Client(bind + execute + Sync()), Server(BindComplete() + row + complete + ReadyForQuery())}));
  const auto events = player.sink().All<QueryEvent>();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].request_bytes, parse.size() + describe.size() + bind.size() + execute.size());
  EXPECT_EQ(events[1].request_bytes, bind.size() + execute.size());
  EXPECT_EQ(events[1].result_bytes, row.size() + complete.size());
}

TEST(SessionBytes, CopyDataIsCounted) {
  Player player;
  const std::string query = Query("copy t from stdin"), data = CopyData("1\n"), done = CopyDone();
  player.Play(AfterLogin({Client(query + data), Server(CopyInResponse()), Client(data + done),
                          Server(CommandComplete("COPY 2") + ReadyForQuery())}));
  EXPECT_EQ(Only(player.sink().All<QueryEvent>()).request_bytes, query.size() + 2 * data.size() + done.size());
}

// ---- parameters

QueryEvent Bound(const Player& player) { return Only(player.sink().All<QueryEvent>()); }

void PlayBind(Player& player, const std::vector<uint32_t>& types, const std::vector<Value>& values,
              const std::vector<int>& formats) {
  player.Play(AfterLogin({Client(Parse("", "select 1", types) + Bind("", "", values, formats) + Execute("") + Sync()),
                          Server(ParseComplete() + BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())}));
}

TEST(SessionParameters, TextAndBinaryGiveTheSameHash) {
  Player text, binary;
  PlayBind(text, {kInt4, kText, kInt8}, {"42", "ann", "42"}, {});
  PlayBind(binary, {kInt4, kText, kInt8}, {Int32(42), "ann", Int64(42)}, {1, 0, 1});
  const QueryEvent a = Bound(text), b = Bound(binary);
  ASSERT_EQ(a.parameters.size(), 3U);
  ASSERT_EQ(b.parameters.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(a.parameters[i].hashed);
    ASSERT_EQ(a.parameters[i].hashes.size(), 1U);
    EXPECT_EQ(a.parameters[i].hashes[0], b.parameters[i].hashes[0]) << i;
  }
  EXPECT_EQ(a.parameters[0].hashes[0], a.parameters[2].hashes[0]);
  EXPECT_EQ(a.parameters[0].type_oid, kInt4);
  EXPECT_NE(a.parameters_hash, b.parameters_hash);  // of the raw bytes
  EXPECT_NE(a.parameters_hash, 0U);
}

TEST(SessionParameters, TypesComeFromTheParameterDescription) {
  Player player;
  player.Play(AfterLogin({Client(Parse("s", "select $1") + DescribeStatement("s") + Sync()),
                          Server(ParseComplete() + ParameterDescription({kInt4}) + NoData() + ReadyForQuery()),
                          Client(Bind("", "s", {Int32(42)}, {1}) + Execute("") + Sync()),
                          Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())}));
  const QueryEvent event = Bound(player);
  EXPECT_EQ(event.parameters.at(0).type_oid, kInt4);
  EXPECT_EQ(event.parameters.at(0).hashes[0], HashTextValue(player.key(), kInt4, "42").hash);
}

TEST(SessionParameters, UnknownTypesReadAsWhatTheyAre) {
  Player player;
  PlayBind(player, {}, {"42", "042", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{1,2}"}, {});
  const QueryEvent event = Bound(player);
  EXPECT_EQ(event.parameters.at(0).hashes[0], HashTextValue(player.key(), kInt4, "42").hash);
  EXPECT_EQ(event.parameters.at(1).alternates[0], HashTextValue(player.key(), kInt4, "42").hash);
  EXPECT_EQ(event.parameters.at(2).hashes[0],
            HashTextValue(player.key(), kUuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").hash);
  EXPECT_EQ(event.parameters.at(3).array_length, 2);
  EXPECT_EQ(event.parameters.at(3).hashes.size(), 2U);
}

TEST(SessionParameters, NullsLongOnesAndTypesThatAreNotCompared) {
  Player player;
  PlayBind(player, {kText, kText, kBool, kText}, {std::nullopt, std::string(1025, 'x'), "t", std::string(1024, 'x')},
           {});
  const QueryEvent event = Bound(player);
  EXPECT_TRUE(event.parameters.at(0).null);
  EXPECT_FALSE(event.parameters.at(1).hashed);
  EXPECT_FALSE(event.parameters.at(2).hashed);
  EXPECT_TRUE(event.parameters.at(3).hashed);
}

TEST(SessionParameters, LongArraysAreStillCounted) {
  std::string text = "{\"a,\\\"b\"";
  std::string binary = Int32(1) + Int32(0) + Int32(kInt4) + Int32(500) + Int32(1);
  for (int i = 1; i < 500; ++i) text += "," + std::to_string(i);
  for (int i = 0; i < 500; ++i) binary += Int32(4) + Int32(i);
  const Conversation conversation =
      AfterLogin({Client(Parse("", "select 1", {0, kInt4Array}) + Bind("", "", {text + "}", binary}, {0, 1}) +
                         Execute("") + Sync()),
                  Server(ParseComplete() + BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())});
  Player player;
  player.Play(conversation);
  EXPECT_EQ(Bound(player).parameters.at(0).array_length, 500);
  EXPECT_EQ(Bound(player).parameters.at(1).array_length, 500);
  EXPECT_EQ(PlayAll(conversation).full, PlayAll(InPieces(conversation, 1)).full);
}

TEST(SessionParameters, BeyondTheMostTheyAreCounted) {
  Player player;
  PlayBind(player, {}, std::vector<Value>(1000, "7"), {});
  EXPECT_EQ(Bound(player).parameter_count, 1000U);
  EXPECT_EQ(Bound(player).parameters.size(), kMaxHashedParameters);
}

// ---- rows

TEST(SessionRows, ChosenCellsAreHashedAndAllAreMeasured) {
  Player player;
  player.Play(AfterLogin(
      {Client(Query("select * from users")),
       Server(RowDescription({{"flag", kBool}, {"name", kText}, {"id", kInt4}}) + DataRow({"t", "ann", "1"}) +
              DataRow({"f", std::nullopt, "2"}) + CommandComplete("SELECT 2") + ReadyForQuery())}));
  const auto batches = player.sink().All<RowBatch>();
  ASSERT_EQ(batches.size(), 1U);
  const RowBatch& batch = batches[0];
  const QueryEvent event = Only(player.sink().All<QueryEvent>());
  EXPECT_EQ(batch.execution_id, event.execution_id);
  EXPECT_EQ(batch.text_hash, event.text_hash);
  EXPECT_EQ(batch.columns_hash, event.columns_hash);
  EXPECT_EQ(batch.row_count, 2U);
  EXPECT_THAT(batch.hashed_columns, ElementsAre(1, 2));
  EXPECT_THAT(batch.hashes,
              ElementsAre(HashTextValue(player.key(), kText, "ann").hash, HashTextValue(player.key(), kInt4, "1").hash,
                          0, HashTextValue(player.key(), kInt4, "2").hash));
  EXPECT_THAT(batch.column_bytes, ElementsAre(2, 3, 2));
  EXPECT_THAT(batch.column_nulls, ElementsAre(0, 1, 0));
  EXPECT_NE(event.result_hash, 0U);
}

TEST(SessionRows, BinaryResultsGiveTheSameHashes) {
  const std::string description = RowDescription({{"id", kInt4}, {"other_id", kInt8}});
  Player player;
  player.Play(AfterLogin(
      {Client(Parse("s", "select 1") + DescribeStatement("s") + Sync()),
       Server(ParseComplete() + ParameterDescription({}) + description + ReadyForQuery()),
       Client(Bind("", "s", {}, {}, {1}) + Execute("") + Bind("", "s", {}, {}, {0, 1}) + Execute("") + Sync()),
       Server(BindComplete() + DataRow({Int32(5), Int64(6)}) + CommandComplete("SELECT 1") + BindComplete() +
              DataRow({"5", Int64(6)}) + CommandComplete("SELECT 1") + ReadyForQuery())}));
  const auto batches = player.sink().All<RowBatch>();
  ASSERT_EQ(batches.size(), 2U);
  const auto expected =
      ElementsAre(HashTextValue(player.key(), kInt4, "5").hash, HashTextValue(player.key(), kInt4, "6").hash);
  EXPECT_THAT(batches[0].hashes, expected);
  EXPECT_THAT(batches[1].hashes, expected);
}

TEST(SessionRows, KeysComeFirstWhenThereAreTooManyColumns) {
  std::vector<Field> fields;
  for (int i = 0; i < 10; ++i) fields.push_back({"text" + std::to_string(i), kText});
  fields.push_back({"user_id", kInt4});
  fields.push_back({"quantity", kInt4});
  fields.push_back({"id", kUuid});
  Player player;
  player.Play(AfterLogin({Client(Query("q")), Server(RowDescription(fields) + DataRow(std::vector<Value>(13, "1")) +
                                                     CommandComplete("SELECT 1") + ReadyForQuery())}));
  EXPECT_THAT(player.sink().All<RowBatch>().at(0).hashed_columns, ElementsAre(0, 1, 2, 3, 4, 10, 11, 12));
}

TEST(SessionRows, OneBatchForEachReadBeforeTheCompletion) {
  Player player;
  player.Play(
      AfterLogin({Client(Query("q")), Server(RowDescription({{"id", kInt4}}) + DataRow({"1"})),
                  Server(DataRow({"2"}) + DataRow({"3"})), Server(CommandComplete("SELECT 3") + ReadyForQuery())}));
  const auto batches = player.sink().All<RowBatch>();
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[1].first_row, 1U);
  EXPECT_EQ(batches[1].row_count, 2U);
}

TEST(SessionRows, OnlyTheFirstOfALargeResultAreHashed) {
  std::string rows;
  for (int i = 0; i < 5000; ++i) rows += DataRow({std::to_string(i)});
  const Conversation conversation =
      AfterLogin({Client(Query("q")),
                  Server(RowDescription({{"id", kInt4}}) + rows + CommandComplete("SELECT 5000") + ReadyForQuery())});
  Player player;
  player.Play(conversation);
  uint64_t hashed = 0;
  for (const RowBatch& batch : player.sink().All<RowBatch>()) {
    EXPECT_EQ(batch.first_row, hashed);
    hashed += batch.row_count;
  }
  EXPECT_EQ(hashed, kMaxLineageRows);
  const QueryEvent event = Only(player.sink().All<QueryEvent>());
  EXPECT_EQ(event.rows, 5000U);
  EXPECT_TRUE(event.rows_truncated);
  EXPECT_EQ(PlayAll(conversation).full, PlayAll(InPieces(conversation, 1000)).full);
}

TEST(SessionRows, TheResultHashTellsOrderAndContent) {
  const auto hash_of = [](const std::string& rows) {
    Player player;
    player.Play(AfterLogin({Client(Query("q")), Server(RowDescription({{"id", kInt4}}) + rows +
                                                       CommandComplete("SELECT 2") + ReadyForQuery())}));
    return Only(player.sink().All<QueryEvent>()).result_hash;
  };
  const std::string one = DataRow({"1"}), two = DataRow({"2"});
  EXPECT_EQ(hash_of(one + two), hash_of(one + two));
  EXPECT_NE(hash_of(one + two), hash_of(two + one));
  EXPECT_NE(hash_of(one + two), hash_of(one));
}

TEST(SessionRows, CellsThatDoNotFitTheDescriptionAreNotAttributed) {
  Player player;
  player.Play(AfterLogin({Client(Query("q")), Server(RowDescription({{"id", kInt4}}) + DataRow({"1", "2"}) +
                                                     CommandComplete("SELECT 1") + ReadyForQuery())}));
  EXPECT_TRUE(player.sink().All<RowBatch>().empty());
  EXPECT_EQ(Only(player.sink().All<QueryEvent>()).rows, 1U);
}

// ---- dictionaries

TEST(SessionDictionaries, ATextAndADescriptionAreSentOnce) {
  Player player;
  const std::string reply = RowDescription({{"id", kInt4, 1000, 1}}) + CommandComplete("SELECT 0") + ReadyForQuery();
  player.Play(AfterLogin({Client(Query("select 1")), Server(reply), Client(Query("select 1")), Server(reply)}));
  EXPECT_EQ(player.sink().All<StatementText>().size(), 1U);
  const auto columns = player.sink().All<ColumnsDescribed>();
  ASSERT_EQ(columns.size(), 1U);
  EXPECT_EQ(columns[0].columns.at(0).name, "id");
  EXPECT_EQ(columns[0].columns.at(0).table_oid, 1000U);
  EXPECT_EQ(columns[0].columns.at(0).attnum, 1);
  EXPECT_EQ(columns[0].columns.at(0).type_oid, kInt4);
}

TEST(SessionDictionaries, FormatCodesMakeNoOtherDescription) {
  Player player;
  player.Play(
      AfterLogin({Client(Query("a")),
                  Server(RowDescription({{"id", kInt4, 1, 1, 0}}) + CommandComplete("SELECT 0") + ReadyForQuery()),
                  Client(Query("b")),
                  Server(RowDescription({{"id", kInt4, 1, 1, 1}}) + DataRow({Int32(9)}) + CommandComplete("SELECT 1") +
                         ReadyForQuery())}));
  EXPECT_EQ(player.sink().All<ColumnsDescribed>().size(), 1U);
  EXPECT_THAT(player.sink().All<RowBatch>().at(0).hashes, ElementsAre(HashTextValue(player.key(), kInt4, "9").hash));
}

TEST(SessionDictionaries, LongTextsAreHashedWholeAndKeptInPart) {
  const std::string sql = "select '" + std::string(200'000, 'x') + "'";
  const Conversation conversation = AfterLogin(
      {Client(Query(sql) + Parse("", sql)), Server(CommandComplete("SELECT 0") + ReadyForQuery() + ParseComplete())});
  Player player;
  player.Play(conversation);
  const auto texts = player.sink().All<StatementText>();
  ASSERT_EQ(texts.size(), 1U);  // the same text in both protocols
  EXPECT_EQ(texts[0].full_length, sql.size());
  EXPECT_EQ(texts[0].text, std::string_view(sql).substr(0, kMaxTextBytes));
  EXPECT_EQ(PlayAll(conversation).full, PlayAll(InPieces(conversation, 4097)).full);
}

TEST(SessionDictionaries, NamedStatementsAreToldToResolveExecute) {
  Player player;
  player.Play(AfterLogin({Client(Parse("s", "select 1") + Parse("", "select 2") + CloseStatement("s") + Sync()),
                          Server(ParseComplete() + ParseComplete() + CloseComplete() + ReadyForQuery())}));
  const auto prepared = player.sink().All<StatementPrepared>();
  ASSERT_EQ(prepared.size(), 1U);
  EXPECT_EQ(prepared[0].name, "s");
  EXPECT_EQ(player.sink().All<StatementClosed>().at(0).name, "s");
}

TEST(SessionDictionaries, OnlyAPlainDeallocateNamesItsStatement) {
  const auto survives = [](const std::string& sql) {
    Player player;
    player.Play(AfterLogin({Client(Parse("s", "select 1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
                            Client(Query(sql)), Server(CommandComplete("DEALLOCATE") + ReadyForQuery()),
                            Client(Bind("", "s") + Execute("") + Sync()),
                            Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())}));
    return player.sink().All<QueryEvent>().at(1).text_hash != 0;
  };
  for (const char* sql : {"DEALLOCATE s", "  deallocate prepare S ;", "Deallocate\n\"s\""})
    EXPECT_FALSE(survives(sql)) << sql;
  for (const char* sql : {"deallocate t", "deallocate \"S\"", "deallocate s; select 1", "deallocates", "deallocate"}) {
    EXPECT_TRUE(survives(sql)) << sql;
  }
}

// ---- bounds and hostile peers

TEST(SessionBounds, APromisedGigabyteIsWaitedFor) {
  for (const std::string& request :
       {"B" + Int32(1'000'000'000) + Cstring("") + Cstring("") + Int16(0) + Int16(1) + Int32(900'000'000) + "x",
        "Q" + Int32(1'000'000'000) + "select"}) {
    Player player;
    player.Play(AfterLogin(
        {Client(Query("q")), Server("D" + Int32(0x7fffffff) + Int16(1) + Int32(0x7ffffff0) + "x"), Client(request)}));
    EXPECT_EQ(player.session().opaque(), OpaqueReason::kNone);
    EXPECT_TRUE(player.accounted());
  }
}

TEST(SessionBounds, TooManyPendingRequestsAreOpaque) {
  Player player;
  player.Play(Login());
  const std::string sync = Sync();
  for (int i = 0; i < 65'536; ++i) player.session().OnFrontend(sync, 1);
  EXPECT_EQ(player.session().opaque(), OpaqueReason::kNone);
  player.session().OnFrontend(sync, 1);
  EXPECT_EQ(player.session().opaque(), OpaqueReason::kLimit);
  EXPECT_EQ(player.session().bytes().opaque, sync.size());
}

TEST(SessionBounds, TooManyNamesAreOpaque) {
  Player player;
  player.Play(Login());
  for (int i = 0; i <= 10'000; ++i) {
    ASSERT_EQ(player.session().opaque(), OpaqueReason::kNone) << i;
    player.session().OnFrontend(Parse("s" + std::to_string(i), "select 1") + Sync(), 1);
    player.session().OnBackend(ParseComplete() + ReadyForQuery(), 1);
  }
  EXPECT_EQ(player.session().opaque(), OpaqueReason::kLimit);
}

TEST(SessionBounds, TooManyPortalsAreOpaque) {
  Player player;
  player.Play(Login());
  for (int i = 0; i <= 10'000; ++i) {
    player.session().OnFrontend(Bind("p" + std::to_string(i), "", {"1"}) + Sync(), 1);
    player.session().OnBackend(BindComplete() + ReadyForQuery('T'), 1);
  }
  EXPECT_EQ(player.session().opaque(), OpaqueReason::kLimit);
}

TEST(SessionBounds, AnOpaqueSessionOnlyCounts) {
  Player player;
  player.Play(
      AfterLogin({Server("?"), Client(Query("select 1")), Server(CommandComplete("SELECT 0") + ReadyForQuery())}));
  player.End();
  EXPECT_TRUE(player.accounted());
  EXPECT_TRUE(player.sink().All<QueryEvent>().empty());
  EXPECT_EQ(player.sink().All<SessionClosed>().at(0).opaque, OpaqueReason::kUnknownType);
  EXPECT_EQ(player.session().bytes().opaque,
            1 + Query("select 1").size() + CommandComplete("SELECT 0").size() + ReadyForQuery().size());
}

TEST(SessionBounds, AMessageThatBreaksIsOpaqueAsAWhole) {
  const std::string broken = Message('Q', "no end");
  const Played played = PlayAll(AfterLogin({Client(Query("") + broken)}));
  EXPECT_EQ(played.bytes.opaque, broken.size());
}

TEST(SessionBounds, ADescriptionOf65535ColumnsIsNone) {
  const std::vector<Field> fields(65'535, Field{"c", kInt4});
  const Played played =
      PlayAll(AfterLogin({Client(Query("q")), Server(RowDescription(fields) + DataRow(std::vector<Value>(65'535)) +
                                                     CommandComplete("SELECT 1") + ReadyForQuery())}));
  EXPECT_EQ(played.opaque, OpaqueReason::kNone);
  EXPECT_THAT(played.lines, ElementsAre("completed 'q' simple [SELECT 1] rows=1"));
}

TEST(SessionBounds, ARowOfAMegabyteIsHashedAndCounted) {
  const Conversation conversation =
      AfterLogin({Client(Query("q")),
                  Server(RowDescription({{"id", kInt4}, {"body", kText}}) +
                         DataRow({"1", std::string(1'000'000, 'x')}) + CommandComplete("SELECT 1") + ReadyForQuery())});
  Player player;
  player.Play(conversation);
  EXPECT_THAT(player.sink().All<RowBatch>().at(0).hashes, ElementsAre(HashTextValue(player.key(), kInt4, "1").hash, 0));
  EXPECT_EQ(PlayAll(conversation).full, PlayAll(InPieces(conversation, 65'536)).full);
}

}  // namespace
}  // namespace pgassay::session
