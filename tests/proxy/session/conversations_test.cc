// Conversations written by hand from the protocol chapter, and the executions that they mean. Each is played as it
// stands, in the fewest reads, byte by byte, and cut in two at every place: the records must be the same (invariant 3),
// and every byte accounted for at every moment (invariant 2).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proxy/session/run_conversation.h"

namespace pgassay::session {
namespace {

using namespace tests;  // the message builders

struct Case {
  std::string name;
  Conversation conversation;  // after login
  std::vector<std::string> executions;
  OpaqueReason opaque = OpaqueReason::kNone;
};

const std::string kUsersDescription = RowDescription({{"id", 23, 1000, 1}, {"name", 25, 1000, 2}});
const std::string kRow1 = DataRow({"1", "ann"});
const std::string kRow2 = DataRow({"2", "bob"});

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](std::string name, Conversation conversation, std::vector<std::string> executions,
                       OpaqueReason opaque = OpaqueReason::kNone) {
    cases.push_back({std::move(name), std::move(conversation), std::move(executions), opaque});
  };

  // ---- simple query
  add("SimpleQuery",
      {Client(Query("select 1")), Server(kUsersDescription + kRow1 + CommandComplete("SELECT 1") + ReadyForQuery())},
      {"completed 'select 1' simple [SELECT 1] rows=1"});
  add("SeveralStatementsInOneString",
      {Client(Query("begin; update t set a = 1; select 1")),
       Server(CommandComplete("BEGIN") + CommandComplete("UPDATE 3") + kUsersDescription + kRow1 +
              CommandComplete("SELECT 1") + ReadyForQuery('T'))},
      {"completed 'begin; update t set a = 1; select 1' simple [BEGIN]",
       "completed 'begin; update t set a = 1; select 1' simple k=1 [UPDATE 3] rows=3 pipelined",
       "completed 'begin; update t set a = 1; select 1' simple k=2 [SELECT 1] rows=1 pipelined"});
  add("ErrorInTheMiddleOfAString",
      {Client(Query("select 1; select 1/0; select 2")),
       Server(kUsersDescription + kRow1 + CommandComplete("SELECT 1") + kUsersDescription + ErrorResponse("22012") +
              ReadyForQuery())},
      {"completed 'select 1; select 1/0; select 2' simple [SELECT 1] rows=1",
       "failed 'select 1; select 1/0; select 2' simple k=1 22012 pipelined"});
  add("EmptyQuery", {Client(Query("")), Server(EmptyQueryResponse() + ReadyForQuery())}, {"empty '' simple"});
  add("CommentOnlyQuery", {Client(Query("-- ping")), Server(EmptyQueryResponse() + ReadyForQuery())},
      {"empty '-- ping' simple"});
  add("AsynchronousMessagesAnywhere",
      {Server(NotificationResponse()), Client(Query("select 1")),
       Server(NoticeResponse() + kUsersDescription + ParameterStatus("TimeZone", "UTC") + kRow1 +
              NotificationResponse() + CommandComplete("SELECT 1") + NoticeResponse() + ReadyForQuery() +
              NoticeResponse())},
      {"completed 'select 1' simple [SELECT 1] rows=1"});
  add("TwoQueriesSentTogether",
      {Client(Query("select 1") + Query("select 2")),
       Server(CommandComplete("SELECT 0") + ReadyForQuery() + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'select 1' simple [SELECT 0]", "completed 'select 2' simple [SELECT 0] pipelined"});

  // ---- extended query
  add("UnnamedStatement",
      {Client(Parse("", "select $1", {23}) + Bind("", "", {"5"}) + DescribePortal("") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + kUsersDescription + kRow1 + CommandComplete("SELECT 1") +
              ReadyForQuery())},
      {"completed 'select $1' [SELECT 1] rows=1 parameters=1"});
  add("NamedStatementExecutedTwice",
      {Client(Parse("s1", "select $1") + DescribeStatement("s1") + Sync()),
       Server(ParseComplete() + ParameterDescription({23}) + kUsersDescription + ReadyForQuery()),
       Client(Bind("", "s1", {"1"}) + Execute("") + Sync()),
       Server(BindComplete() + kRow1 + CommandComplete("SELECT 1") + ReadyForQuery()),
       Client(Bind("", "s1", {"2"}) + Execute("") + Sync()),
       Server(BindComplete() + kRow2 + CommandComplete("SELECT 1") + ReadyForQuery())},
      {"completed 'select $1' [SELECT 1] rows=1 parameters=1",
       "completed 'select $1' [SELECT 1] rows=1 parameters=1 again"});
  add("StatementWithoutRows",
      {Client(Parse("", "update t set a = 1") + Bind("", "") + DescribePortal("") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + NoData() + CommandComplete("UPDATE 2") + ReadyForQuery())},
      {"completed 'update t set a = 1' [UPDATE 2] rows=2"});
  add("AnswersToFlushBeforeSync",
      {Client(Parse("", "select 1") + DescribeStatement("") + Flush()),
       Server(ParseComplete() + ParameterDescription({}) + kUsersDescription),
       Client(Bind("", "") + Execute("") + Flush()), Server(BindComplete() + kRow1 + CommandComplete("SELECT 1")),
       Client(Sync()), Server(ReadyForQuery())},
      {"completed 'select 1' [SELECT 1] rows=1"});
  add("NamesAreComparedByTheirFirst63Bytes",
      {Client(Parse(std::string(80, 'x') + "1", "select 1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
       Client(Bind("", std::string(63, 'x')) + Execute("") + Sync()),
       Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'select 1' [SELECT 0]"});
  add("UnknownNameIsNoDesync",
      {Client(Bind("", "older", {"1"}) + Execute("") + Sync()),
       Server(BindComplete() + kRow1 + CommandComplete("SELECT 1") + ReadyForQuery()),
       Client(Execute("older portal") + Sync()), Server(CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed '?' [SELECT 1] rows=1 parameters=1 again name=older", "completed '?' [SELECT 0] again"});
  add("UnnamedStatementIsReplacedByParseAndDestroyedByQuery",
      {Client(Parse("", "select 1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
       Client(Parse("", "select 2") + Bind("", "") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery()),
       Client(Query("select 3")), Server(CommandComplete("SELECT 0") + ReadyForQuery()),
       Client(Bind("", "") + Execute("") + Sync()), Server(ErrorResponse("26000") + ReadyForQuery())},
      {"completed 'select 2' [SELECT 0]", "completed 'select 3' simple [SELECT 0]", "failed '?' 26000 again"});
  add("ParseTwiceOfOneNameKeepsTheFirst",
      {Client(Parse("s", "select 1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
       Client(Parse("s", "select 2") + Sync()), Server(ErrorResponse("42P05") + ReadyForQuery()),
       Client(Bind("", "s") + Execute("") + Sync()),
       Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"failed 'select 2' 42P05", "completed 'select 1' [SELECT 0]"});
  add("EffectsComeInTheOrderOfReplies",  // the second Parse of s is bound by the second Bind only
      {Client(Parse("s", "select 1") + Bind("a", "s") + CloseStatement("s") + Parse("s", "select 2") + Bind("b", "s") +
              Execute("b") + Execute("a") + Sync()),
       Server(ParseComplete() + BindComplete() + CloseComplete() + ParseComplete() + BindComplete() +
              CommandComplete("SELECT 0") + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'select 2' [SELECT 0]", "completed 'select 1' [SELECT 0] pipelined"});
  add("CloseForgetsTheStatement",
      {Client(Parse("s", "select 1") + CloseStatement("s") + Sync()),
       Server(ParseComplete() + CloseComplete() + ReadyForQuery()), Client(Bind("", "s") + Execute("") + Sync()),
       Server(ErrorResponse("26000") + ReadyForQuery())},
      {"failed '?' 26000 again name=s"});
  add("DeallocateForgetsTheStatement",
      {Client(Parse("pdo_stmt_00000001", "select 1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
       Client(Query("DEALLOCATE pdo_stmt_00000001")), Server(CommandComplete("DEALLOCATE") + ReadyForQuery()),
       Client(Bind("", "pdo_stmt_00000001") + Execute("") + Sync()),
       Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'DEALLOCATE pdo_stmt_00000001' simple [DEALLOCATE]",
       "completed '?' [SELECT 0] again name=pdo_stmt_00000001"});
  add("DeallocateByAPreparedStatement",
      {Client(Parse("s", "select 1") + Parse("", "deallocate \"s\"") + Bind("", "") + Execute("") + Sync()),
       Server(ParseComplete() + ParseComplete() + BindComplete() + CommandComplete("DEALLOCATE") + ReadyForQuery()),
       Client(Bind("", "s") + Execute("") + Sync()),
       Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'deallocate \"s\"' [DEALLOCATE]", "completed '?' [SELECT 0] again name=s"});
  add("DiscardAllForgetsEveryStatement",
      {Client(Parse("s", "select 1") + Sync()), Server(ParseComplete() + ReadyForQuery()), Client(Query("DISCARD ALL")),
       Server(CommandComplete("DISCARD ALL") + ReadyForQuery()), Client(Bind("", "s") + Execute("") + Sync()),
       Server(BindComplete() + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'DISCARD ALL' simple [DISCARD ALL]", "completed '?' [SELECT 0] again name=s"});

  // ---- portals in pieces
  add("PortalFetchedInPiecesIsOneExecution",
      {Client(Parse("", "select 1") + Bind("c", "") + Execute("c", 1) + Sync()),
       Server(ParseComplete() + BindComplete() + kRow1 + PortalSuspended() + ReadyForQuery('T')),
       Client(Execute("c", 1) + Sync()), Server(kRow2 + PortalSuspended() + ReadyForQuery('T')),
       Client(Execute("c", 1) + Sync()), Server(CommandComplete("SELECT 0") + ReadyForQuery('T'))},
      {"completed 'select 1' [SELECT 0] rows=2 fetches=3"});
  add("InterleavedPortals",
      {Client(Parse("p", "select 1") + Parse("q", "select 2") + Bind("a", "p") + Bind("b", "q") + Sync()),
       Server(ParseComplete() + ParseComplete() + BindComplete() + BindComplete() + ReadyForQuery('T')),
       Client(Execute("a", 1) + Execute("b", 1) + Execute("a", 1) + Execute("b", 0) + Sync()),
       Server(kRow1 + PortalSuspended() + kRow1 + PortalSuspended() + CommandComplete("SELECT 0") + kRow2 +
              CommandComplete("SELECT 1") + ReadyForQuery('T'))},
      {"completed 'select 1' [SELECT 0] rows=1 fetches=2 in=T",
       "completed 'select 2' [SELECT 1] rows=2 fetches=2 pipelined in=T"});
  add("PortalClosedBeforeItsEndIsAbandoned",
      {Client(Parse("", "select 1") + Bind("c", "") + Execute("c", 1) + Sync()),
       Server(ParseComplete() + BindComplete() + kRow1 + PortalSuspended() + ReadyForQuery('T')),
       Client(ClosePortal("c") + Sync()), Server(CloseComplete() + ReadyForQuery('T'))},
      {"abandoned 'select 1' rows=1"});
  add("TheEndOfTheTransactionClosesPortals",
      {Client(Parse("", "select 1") + Bind("c", "") + Bind("", "") + Execute("c", 1) + Execute("", 1) + Sync()),
       Server(ParseComplete() + BindComplete() + BindComplete() + kRow1 + PortalSuspended() + kRow1 +
              PortalSuspended() + ReadyForQuery('I'))},
      {"abandoned 'select 1' rows=1 pipelined again", "abandoned 'select 1' rows=1"});
  add("UnnamedPortalIsReplacedByBind",
      {Client(Parse("", "select 1") + Bind("", "") + Execute("", 1) + Bind("", "") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + kRow1 + PortalSuspended() + BindComplete() +
              CommandComplete("SELECT 0") + ReadyForQuery())},
      {"abandoned 'select 1' rows=1", "completed 'select 1' [SELECT 0] pipelined again"});

  // ---- pipelining and errors
  add("PipelineOfTwoSegments",
      {Client(Parse("s", "select $1") + Bind("", "s", {"1"}) + Execute("") + Sync() + Bind("", "s", {"2"}) +
              Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + kRow1 + CommandComplete("SELECT 1") + ReadyForQuery() +
              BindComplete() + kRow2 + CommandComplete("SELECT 1") + ReadyForQuery())},
      {"completed 'select $1' [SELECT 1] rows=1 parameters=1",
       "completed 'select $1' [SELECT 1] rows=1 parameters=1 pipelined again"});
  add("ErrorSkipsToSync",
      {Client(Parse("s", "select $1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
       Client(Bind("", "s", {"1"}) + Execute("") + Bind("", "s", {"x"}) + Execute("") + Bind("", "s", {"3"}) +
              Execute("") + Sync()),
       Server(BindComplete() + CommandComplete("SELECT 0") + BindComplete() + ErrorResponse("22P02") +
              ReadyForQuery())},
      {"completed 'select $1' [SELECT 0] parameters=1", "failed 'select $1' 22P02 parameters=1 pipelined again",
       "skipped 'select $1' pipelined again"});
  add("QueryAndFunctionCallAreSkippedToo",
      {Client(Parse("", "select 1") + Bind("", "") + Execute("") + Query("select 2") + FunctionCall(1) + Sync() +
              Query("select 3")),
       Server(ParseComplete() + BindComplete() + ErrorResponse("57014") + ReadyForQuery() +
              CommandComplete("SELECT 0") + ReadyForQuery())},
      {"failed 'select 1' 57014", "skipped 'select 2' simple pipelined again", "skipped '?' function pipelined again",
       "completed 'select 3' simple [SELECT 0] pipelined"});
  add("ErrorIsFlushedBeforeTheRestIsSent",  // what comes after the error is skipped as it comes
      {Client(Parse("", "select 1") + Bind("", "") + Execute("")),
       Server(ParseComplete() + BindComplete() + ErrorResponse("57014")),
       Client(Bind("", "") + Execute("") + Query("select 2")), Client(CopyData("x") + Flush() + Sync()),
       Server(ReadyForQuery()), Client(Query("select 3")), Server(CommandComplete("SELECT 0") + ReadyForQuery())},
      {"failed 'select 1' 57014", "skipped 'select 1' again", "skipped 'select 2' simple again",
       "completed 'select 3' simple [SELECT 0]"});
  add("FailedParseIsReportedOnce",
      {Client(Parse("", "selct 1") + Bind("", "") + DescribePortal("") + Execute("") + Sync()),
       Server(ErrorResponse("42601") + ReadyForQuery()), Client(Bind("", "") + Execute("") + Sync()),
       Server(ErrorResponse("26000") + ReadyForQuery())},
      {"failed 'selct 1' 42601", "failed '?' 26000 again"});
  add("FailedBindIsReportedOnce",
      {Client(Parse("s", "select $1") + Sync()), Server(ParseComplete() + ReadyForQuery()),
       Client(Bind("", "s", {"x"}) + Execute("") + Sync()), Server(ErrorResponse("22P02") + ReadyForQuery())},
      {"failed 'select $1' 22P02 parameters=1 again"});
  add("ErrorAtSyncBelongsToTheLastStatement",
      {Client(Parse("", "insert into t") + Bind("", "") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + CommandComplete("INSERT 0 1") + ErrorResponse("23503") +
              ReadyForQuery())},
      {"completed 'insert into t' [INSERT 0 1] rows=1", "failed 'insert into t' 23503 again"});
  add("ErrorWithoutSqlstate", {Client(Query("select 1")), Server(ErrorResponse("") + ReadyForQuery())},
      {"failed 'select 1' simple"});
  add("TransactionStatusIsThatBeforeTheStatement",
      {Client(Query("begin")), Server(CommandComplete("BEGIN") + ReadyForQuery('T')), Client(Query("selct")),
       Server(ErrorResponse("42601") + ReadyForQuery('E')), Client(Query("rollback")),
       Server(CommandComplete("ROLLBACK") + ReadyForQuery('I'))},
      {"completed 'begin' simple [BEGIN]", "failed 'selct' simple 42601 in=T",
       "completed 'rollback' simple [ROLLBACK] in=E"});

  // ---- COPY
  add("CopyIn",
      {Client(Query("copy t from stdin")), Server(CopyInResponse()),
       Client(CopyData("1\n") + CopyData("2\n") + CopyDone()), Server(CommandComplete("COPY 2") + ReadyForQuery())},
      {"completed 'copy t from stdin' simple [COPY 2] rows=2 copy=1"});
  add("CopyInBetweenOtherStatements",
      {Client(Query("select 1; copy t from stdin; select 2")), Server(CommandComplete("SELECT 0") + CopyInResponse()),
       Client(CopyData("1\n") + CopyDone()),
       Server(CommandComplete("COPY 1") + CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'select 1; copy t from stdin; select 2' simple [SELECT 0]",
       "completed 'select 1; copy t from stdin; select 2' simple k=1 [COPY 1] rows=1 copy=1 pipelined",
       "completed 'select 1; copy t from stdin; select 2' simple k=2 [SELECT 0] pipelined"});
  add("CopyDataSentBeforeItIsAskedFor",
      {Client(Query("copy t from stdin") + CopyData("1\n") + CopyData("2\n") + CopyDone() + Query("select 1")),
       Server(CopyInResponse() + CommandComplete("COPY 2") + ReadyForQuery() + CommandComplete("SELECT 0") +
              ReadyForQuery())},
      {"completed 'copy t from stdin' simple [COPY 2] rows=2 copy=1",
       "completed 'select 1' simple [SELECT 0] pipelined"});
  add("CopyInOfTheExtendedProtocolIgnoresSyncAndFlush",  // as libpq does it: Sync behind Execute, and again behind
                                                         // CopyDone
      {Client(Parse("", "copy t from stdin") + Bind("", "") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + CopyInResponse()),
       Client(CopyData("1\n") + Flush() + CopyData("2\n") + CopyDone() + Sync()),
       Server(CommandComplete("COPY 2") + ReadyForQuery()), Client(Query("select 1")),
       Server(CommandComplete("SELECT 0") + ReadyForQuery())},
      {"completed 'copy t from stdin' [COPY 2] rows=2 copy=1", "completed 'select 1' simple [SELECT 0]"});
  add("CopyInThatTheClientFails",
      {Client(Query("copy t from stdin")), Server(CopyInResponse()), Client(CopyData("1\n") + CopyFail("no")),
       Server(ErrorResponse("57014") + ReadyForQuery())},
      {"failed 'copy t from stdin' simple 57014 copy=1"});
  add("CopyInThatTheServerFails",  // the client goes on sending until it notices
      {Client(Query("copy t from stdin")), Server(CopyInResponse()), Client(CopyData("x\n")),
       Server(ErrorResponse("22P02") + ReadyForQuery()), Client(CopyData("2\n") + CopyDone()),
       Client(Query("select 1")), Server(CommandComplete("SELECT 0") + ReadyForQuery())},
      {"failed 'copy t from stdin' simple 22P02 copy=1", "completed 'select 1' simple [SELECT 0]"});
  add("CopyInOfTheExtendedProtocolThatTheServerFails",
      {Client(Parse("", "copy t from stdin") + Bind("", "") + Execute("") + Sync()),
       Server(ParseComplete() + BindComplete() + CopyInResponse()), Client(CopyData("x\n")),
       Server(ErrorResponse("22P02")), Client(CopyData("2\n") + CopyDone() + Sync()), Server(ReadyForQuery()),
       Client(Query("select 1")), Server(CommandComplete("SELECT 0") + ReadyForQuery())},
      {"failed 'copy t from stdin' 22P02 copy=1", "completed 'select 1' simple [SELECT 0]"});
  add("CopyOut",
      {Client(Query("copy t to stdout")),
       Server(CopyOutResponse() + CopyData("1\n") + NoticeResponse() + CopyData("2\n") + CopyDone() +
              CommandComplete("COPY 2") + ReadyForQuery())},
      {"completed 'copy t to stdout' simple [COPY 2] rows=2 copy=2"});
  add("CopyOutThatFails",
      {Client(Query("copy t to stdout")),
       Server(CopyOutResponse() + CopyData("1\n") + ErrorResponse("57014") + ReadyForQuery())},
      {"failed 'copy t to stdout' simple 57014 copy=2"});
  add("CopyBoth",
      {Client(Query("START_REPLICATION 0/0")), Server(CopyBothResponse() + CopyData("w1")), Client(CopyData("r1")),
       Server(CopyData("w2")), Client(CopyDone()), Server(CopyDone() + CommandComplete("COPY 0") + ReadyForQuery())},
      {"completed 'START_REPLICATION 0/0' simple [COPY 0] copy=3"});

  // ---- function call
  add("FunctionCall", {Client(FunctionCall(1598)), Server(FunctionCallResponse() + ReadyForQuery())},
      {"completed '?' function again"});
  add("FunctionCallThatFails", {Client(FunctionCall(1)), Server(ErrorResponse("42883") + ReadyForQuery())},
      {"failed '?' function 42883 again"});

  // ---- ends
  add("ConnectionLostInTheMiddle", {Client(Query("select pg_sleep(9)")), Server(kUsersDescription + kRow1)},
      {"lost 'select pg_sleep(9)' simple rows=1"});
  add("RequestsNeverAnswered",
      {Client(Parse("s", "select 1") + Bind("", "s") + Execute("") + Sync() + Query("select 2"))},
      {"lost 'select 1'", "lost 'select 2' simple pipelined"});
  add("FatalErrorLosesWhatIsOpen",
      {Client(Query("select 1") + Query("select 2")), Server(ErrorResponse("57P01", "FATAL"))},
      {"lost 'select 1' simple 57P01", "lost 'select 2' simple 57P01 pipelined"});
  add("FatalErrorWhileIdle",
      {Client(Query("select 1")),
       Server(CommandComplete("SELECT 0") + ReadyForQuery() + ErrorResponse("57P01", "FATAL"))},
      {"completed 'select 1' simple [SELECT 0]"});
  add("Terminate", {Client(Terminate())}, {});

  // ---- desync: this connection only, and for good
  add("UnknownBackendType", {Client(Query("select 1")), Server("?" + CommandComplete("SELECT 0"))},
      {"lost 'select 1' simple"}, OpaqueReason::kUnknownType);
  add("UnknownFrontendType", {Client("\x01" + Query("select 1"))}, {}, OpaqueReason::kUnknownType);
  add("LengthBelowFour", {Client(Query("select 1")), Server("C" + Int32(3) + "xxx")}, {"lost 'select 1' simple"},
      OpaqueReason::kBadLength);
  add("NegativeLength", {Client("Q" + Int32(-5) + "x")}, {}, OpaqueReason::kBadLength);
  add("ReplyThatNobodyAskedFor", {Server(CommandComplete("SELECT 0"))}, {}, OpaqueReason::kUnexpectedReply);
  add("ReplyOfTheWrongKind", {Client(Parse("", "select 1") + Sync()), Server(BindComplete())}, {},
      OpaqueReason::kUnexpectedReply);
  add("ReadyForQueryTooEarly", {Client(Parse("", "select 1") + Sync()), Server(ReadyForQuery())}, {},
      OpaqueReason::kUnexpectedReply);
  add("RowsWithoutARequest", {Server(kRow1)}, {}, OpaqueReason::kUnexpectedReply);
  add("CopyDataWithoutCopy", {Client(Query("select 1")), Server(CopyData("x"))}, {"lost 'select 1' simple"},
      OpaqueReason::kUnexpectedReply);
  add("RowThatIsTooShort",
      {Client(Query("select 1")), Server(kUsersDescription + kRow1 + Message('D', Int16(2) + Int32(100) + "x"))},
      {"lost 'select 1' simple rows=1"}, OpaqueReason::kBadBody);
  add("RowWithANegativeLength",
      {Client(Query("select 1")), Server(kUsersDescription + Message('D', Int16(1) + Int32(-2)))},
      {"lost 'select 1' simple"}, OpaqueReason::kBadBody);
  add("RowDescriptionThatEndsEarly", {Client(Query("select 1")), Server(Message('T', Int16(3) + Cstring("id")))},
      {"lost 'select 1' simple"}, OpaqueReason::kBadBody);
  add("QueryWithoutItsEnd", {Client(Message('Q', "select 1"))}, {}, OpaqueReason::kBadBody);
  add("QueryWithBytesBehindItsEnd", {Client(Message('Q', Cstring("select 1") + "x"))}, {}, OpaqueReason::kBadBody);
  add("BindWithANegativeLength",
      {Client(Message('B', Cstring("") + Cstring("") + Formats({}) + Int16(1) + Int32(-2) + Formats({})))}, {},
      OpaqueReason::kBadBody);
  add("BindThatEndsEarly", {Client(Message('B', Cstring("") + Cstring("") + Formats({}) + Int16(2) + Int32(1) + "x"))},
      {}, OpaqueReason::kBadBody);
  add("DescribeOfNothing", {Client(Message('D', "X" + Cstring("")))}, {}, OpaqueReason::kBadBody);
  add("ReadyForQueryWithAnUnknownStatus", {Client(Query("")), Server(EmptyQueryResponse() + ReadyForQuery('x'))},
      {"empty '' simple"}, OpaqueReason::kUnexpectedReply);
  return cases;
}

class Conversations : public testing::TestWithParam<Case> {};

TEST_P(Conversations, MeanTheseExecutions) {
  const Played played = PlayAll(AfterLogin(GetParam().conversation));
  EXPECT_THAT(played.lines, testing::ElementsAreArray(GetParam().executions));
  EXPECT_EQ(played.opaque, GetParam().opaque);
  EXPECT_TRUE(played.accounted);
  if (GetParam().opaque == OpaqueReason::kNone) {
    EXPECT_EQ(played.bytes.opaque, 0U);
  }
}

TEST_P(Conversations, GiveTheSameRecordsForEverySplit) {
  const Conversation conversation = AfterLogin(GetParam().conversation);
  const Played whole = PlayAll(conversation);
  const auto expect_same = [&](const Conversation& pieces, const std::string& how) {
    const Played played = PlayAll(pieces);
    EXPECT_EQ(played.full, whole.full) << how;
    EXPECT_TRUE(played.accounted) << how;
    return played.full == whole.full && played.accounted;
  };
  EXPECT_TRUE(expect_same(Joined(conversation), "in the fewest reads"));
  EXPECT_TRUE(expect_same(InPieces(conversation, 1), "byte by byte"));
  EXPECT_TRUE(expect_same(InPieces(conversation, 3), "three bytes each"));
  const Conversation joined = Joined(conversation);
  for (size_t at = 1; at < ByteCount(joined); ++at) {
    if (!expect_same(SplitAt(joined, at), "cut before byte " + std::to_string(at))) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, Conversations, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& instance) { return instance.param.name; });

}  // namespace
}  // namespace pgassay::session
