#include "analyzer/ingest/catalog_watch.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "analyzer/catalog/explainer.h"
#include "analyzer/catalog/measure.h"
#include "analyzer/catalog/reader.h"
#include "analyzer/ingest/confirm_advice.h"
#include "analyzer/ingest/plan_statements.h"
#include "proxy/base/clock.h"

namespace pgassay::ingest {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLongestDdlNs = 2 * kSecond;  // migrations without a pause are looked at in between
constexpr int64_t kFirstRefreshNs = 2 * kSecond;
constexpr int64_t kLongestRefreshNs = 600 * kSecond;
// A run's migrations are followed closely; who makes temporary tables all day is not asked all day.
constexpr int kEagerLooks = 20;
constexpr int64_t kCalmGapNs = 10 * kSecond;
constexpr std::chrono::seconds kFinishLimit{10};
constexpr std::chrono::seconds kExecuteFinishLimit{20};
constexpr std::chrono::seconds kSandboxFinishLimit{120};
// With the look itself and a last question below the five seconds for which DROP DATABASE waits for others to leave.
constexpr std::chrono::milliseconds kAskBudget{2200};   // for plans, trials and figures
constexpr std::chrono::milliseconds kPlanBudget{1000};  // of it
constexpr std::chrono::milliseconds kTrialBudget{800};  // of it
// When the recording ends, its databases are hardly dropped any more.
constexpr std::chrono::milliseconds kLastTrialBudget{5000};
constexpr std::chrono::milliseconds kExecuteBudget{5000};
constexpr std::chrono::milliseconds kSandboxBudget{60'000};

// CREATE DATABASE copies them and refuses while others are connected; nobody's tables are in them.
bool IsTemplate(std::string_view database) { return database == "template0" || database == "template1"; }

// Through upstream and name, as the trace has it.
using DatabaseName = std::pair<std::string, std::string>;

struct Database {
  const CatalogSource* source = nullptr;
  std::string user;
  std::set<uint64_t> sessions;  // open ones
  bool changed = true;          // since the last look began
  bool written = false;
  bool reading = false;
  int64_t changed_since_ns = 0, last_change_ns = 0;
  int64_t next_refresh_ns = 0, refresh_ns = kFirstRefreshNs;
  int64_t not_before_ns = 0;  // after a failure, or many looks
  int looks = 0;
  bool for_change = false;  // the look that goes on
  bool last_look = false;   // begun
  Samples samples = {};
  std::set<std::pair<int64_t, trace::PlanKind>> plans = {};             // those that there are
  std::set<std::tuple<int64_t, std::string, std::string>> trials = {};  // those too: statement, index, columns
  size_t planned = 0;  // how many statements there were when plans were last asked for
  std::optional<catalog::Snapshot> last = {};

  void Change(int64_t time_ns) {
    if (!changed) changed_since_ns = time_ns;
    changed = true;
    last_change_ns = time_ns;
  }

  bool Due(int64_t now_ns) const {
    if (reading || source == nullptr || now_ns < not_before_ns) return false;
    if (sessions.empty() && samples.size() > planned) return true;
    if (changed) {
      return sessions.empty() || now_ns - last_change_ns >= CatalogWatch::kQuietNs ||
             now_ns - changed_since_ns >= kLongestDdlNs;
    }
    return written && now_ns >= next_refresh_ns;
  }
};

struct Job {
  DatabaseName name;
  const CatalogSource* source;
  catalog::Target target;
  std::vector<StatementToPlan> statements = {};
  std::vector<StatementUse> uses = {};
  bool last = false;  // the recording ends
};

struct Answer {
  DatabaseName name;
  Result<catalog::Snapshot> snapshot;
  std::vector<trace::PlanRow> plans = {};
  std::vector<trace::TrialRow> trials = {};
  std::vector<trace::SlotRow> slots = {};
};

// The thread that waits for servers.
class Reader {
 public:
  Reader() : thread_([this] { Run(); }) {}
  ~Reader() {
    give_up_ = true;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void Start(Job job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

  std::vector<Answer> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
  }

  // Until something is there to take.
  bool Wait(std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    return answered_.wait_until(lock, until, [this] { return !answers_.empty(); });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (stop_) return;
      const Job job = std::move(jobs_.front());
      jobs_.erase(jobs_.begin());
      lock.unlock();
      Answer answer = Look(job);
      lock.lock();
      answers_.push_back(std::move(answer));
      answered_.notify_one();
    }
  }

  Answer Look(const Job& job) {
    catalog::Connections connections(job.target, &give_up_);
    Answer answer{.name = job.name, .snapshot = catalog::ReadSnapshot(connections)};
    if (!answer.snapshot) return answer;
    const auto began = std::chrono::steady_clock::now();
    std::unique_ptr<catalog::Planner> planner;
    if (!job.statements.empty()) {
      planner =
          catalog::MakeExplainer(job.target, *answer.snapshot, {.sandbox = job.source->sandbox && job.last}, &give_up_);
      answer.plans = PlanStatements(*planner, job.statements, kPlanBudget);
      const auto budget = !job.last ? kTrialBudget : job.source->sandbox ? kSandboxBudget : kLastTrialBudget;
      Confirmed confirmed = ConfirmAdvice(connections, *planner, job.statements, job.uses, answer.plans, budget);
      answer.trials = std::move(confirmed.trials);
      answer.slots = std::move(confirmed.slots);
    }
    const auto spent = std::chrono::steady_clock::now() - began;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(kAskBudget - spent);
    if (job.source->wanted && left.count() > 0) {
      catalog::Measure(connections, *answer.snapshot, job.source->wanted(*answer.snapshot), left);
    }
    if (planner && job.last && job.source->explain == Explain::kAnalyze) {
      for (trace::PlanRow& row : ExecuteStatements(*planner, job.statements, kExecuteBudget))
        answer.plans.push_back(std::move(row));
    }
    return answer;
  }

  std::mutex mutex_;
  std::condition_variable wake_, answered_;
  std::vector<Job> jobs_;
  std::vector<Answer> answers_;
  bool stop_ = false;
  std::atomic<bool> give_up_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace

class CatalogWatch::State {
 public:
  explicit State(std::vector<CatalogSource> sources) : sources_(std::move(sources)) {}

  void Open(const Use& use) {
    if (use.database.empty() || IsTemplate(use.database)) return;
    const DatabaseName name{use.upstream, use.database};
    const auto [at, first] = databases_.try_emplace(name);
    Database& database = at->second;
    if (first) {
      database.source = SourceOf(name);
      database.user = use.user;
      database.changed_since_ns = database.last_change_ns = use.time_ns;
    }
    database.sessions.insert(use.session_id);
    names_[use.session_id] = {.database = &database, .uncommitted = false};
  }

  void Close(uint64_t session_id) {
    const auto found = names_.find(session_id);
    if (found == names_.end()) return;
    found->second.database->sessions.erase(session_id);
    names_.erase(found);
  }

  void Execution(uint64_t session_id, const Executed& executed) {
    const auto found = names_.find(session_id);
    if (found == names_.end()) return;
    Session& session = found->second;
    const auto& [statement_id, facts, rows, sinks, done_ns] = executed;
    if (!facts->relations.empty()) session.database->samples.Count(statement_id, *facts, rows, sinks);
    using enum sql::Operation;
    switch (facts->operation) {
      case kDdl:
      case kRefresh:
      case kVacuum:  // and ANALYZE
      case kCall:    // a procedure may do anything
        session.database->Change(done_ns);
        session.uncommitted = true;  // perhaps; then it is seen only after COMMIT
        break;
      case kCommit:
        if (std::exchange(session.uncommitted, false)) session.database->Change(done_ns);
        break;
      case kRollback:
        session.uncommitted = false;
        break;
      case kInsert:
      case kUpdate:
      case kDelete:
      case kMerge:
      case kCopy:
      case kTruncate:
        session.database->written = true;
        break;
      default:
        break;
    }
  }

  bool WantsSample(uint64_t session_id, int64_t statement_id, Samples::Values values, int64_t database_ns,
                   uint64_t rows) {
    const auto found = names_.find(session_id);
    if (found == names_.end()) return false;
    const CatalogSource* source = found->second.database->source;
    if (source == nullptr || source->explain == Explain::kOff) return false;
    return found->second.database->samples.Wants(statement_id, values, database_ns, rows);
  }

  void KeepSample(uint64_t session_id, int64_t statement_id, Planning planning) {
    names_.at(session_id).database->samples.Keep(statement_id, std::move(planning));
  }

  void Poll(int64_t now_ns, trace::Recorder& recorder) {
    Store(now_ns, recorder);
    for (auto& [name, database] : databases_) {
      if (database.source == nullptr && std::exchange(database.changed, false)) {
        recorder.SetCatalog(name.first, name.second, nullptr, "--database names another database");
      }
      if (database.Due(now_ns)) Start(name, database);
    }
  }

  void Finish(trace::Recorder& recorder) {
    const bool sandbox = std::ranges::any_of(sources_, &CatalogSource::sandbox);
    const bool executes =
        std::ranges::any_of(sources_, [](const auto& source) { return source.explain == Explain::kAnalyze; });
    const auto limit = sandbox ? kSandboxFinishLimit : executes ? kExecuteFinishLimit : kFinishLimit;
    const auto until = std::chrono::steady_clock::now() + limit;
    do {
      Store(MonotonicNowNs(), recorder);
      StartLastLooks();
    } while (Reading() && reader_->Wait(until));
    for (const auto& [name, database] : databases_) {
      if (!database.reading || database.last) continue;
      recorder.SetCatalog(name.first, name.second, nullptr, "the server did not answer before the recording ended");
    }
  }

 private:
  struct Session {
    Database* database = nullptr;  // nodes of a map stay where they are
    bool uncommitted = false;
  };

  const CatalogSource* SourceOf(const DatabaseName& name) const {
    const auto fits = [&](const CatalogSource& source) {
      return (source.upstream.empty() || source.upstream == name.first) &&
             (source.database.empty() || source.database == name.second);
    };
    const auto found = std::ranges::find_if(sources_, fits);
    return found == sources_.end() ? nullptr : &*found;
  }

  bool Reading() const {
    return std::ranges::any_of(databases_, [](const auto& entry) { return entry.second.reading; });
  }

  void StartLastLooks() {
    for (auto& [name, database] : databases_) {
      const bool due =
          database.source != nullptr && (database.changed || database.written || !database.samples.empty());
      if (due && !database.reading && !std::exchange(database.last_look, true)) Start(name, database);
    }
  }

  void Start(const DatabaseName& name, Database& database) {
    if (!reader_) reader_.emplace();
    Job job{.name = name, .source = database.source, .target = database.source->target};
    job.target.overrides.emplace_back("dbname", name.second);
    if (database.source->session_user) job.target.overrides.emplace_back("user", database.user);
    if (database.sessions.empty() || database.last_look) {
      job.statements = database.samples.Costliest(kPlannedStatements);
      job.uses = database.samples.Uses();
      job.last = database.last_look;
      database.planned = database.samples.size();
    }
    database.for_change = database.changed;
    database.changed = database.written = false;
    database.reading = true;
    reader_->Start(std::move(job));
  }

  void Store(int64_t now_ns, trace::Recorder& recorder) {
    if (!reader_) return;
    for (Answer& answer : reader_->Take()) {
      Database& database = databases_[answer.name];
      database.reading = false;
      database.next_refresh_ns = now_ns + database.refresh_ns;
      database.refresh_ns = std::min(2 * database.refresh_ns, kLongestRefreshNs);
      if (++database.looks >= kEagerLooks) database.not_before_ns = now_ns + kCalmGapNs;
      const auto& [upstream, name] = answer.name;
      for (trace::PlanRow& plan : answer.plans) {
        const std::pair key(plan.statement_id, plan.kind);
        if (!plan.problem.empty() && database.plans.contains(key)) continue;  // what was seen before stays
        if (plan.problem.empty()) database.plans.insert(key);
        plan.upstream = upstream;
        plan.database = name;
        recorder.SetPlan(std::move(plan));
      }
      for (trace::SlotRow& slot : answer.slots) recorder.SetSlot(std::move(slot));
      for (trace::TrialRow& trial : answer.trials) {
        std::tuple key(trial.statement_id, trial.index, trial.columns);
        if (!trial.problem.empty() && database.trials.contains(key)) continue;
        if (trial.problem.empty()) database.trials.insert(std::move(key));
        trial.upstream = upstream;
        trial.database = name;
        recorder.SetTrial(std::move(trial));
      }
      if (answer.snapshot) {
        recorder.SetCatalog(upstream, name, &*answer.snapshot, "");
        database.last = std::move(*answer.snapshot);
        continue;
      }
      // A test database is dropped behind its last session: what was seen before stays.
      database.not_before_ns = database.next_refresh_ns;
      database.changed = database.changed || !database.sessions.empty();
      const std::string& reason = answer.snapshot.error().message;
      if (!database.last) recorder.SetCatalog(upstream, name, nullptr, reason);
      if (database.last && database.for_change) {
        recorder.SetCatalog(upstream, name, &*database.last, "older than the last DDL: " + reason);
      }
    }
  }

  const std::vector<CatalogSource> sources_;
  std::map<DatabaseName, Database> databases_;
  std::unordered_map<uint64_t, Session> names_;
  std::optional<Reader> reader_;  // made when first needed
};

CatalogWatch::CatalogWatch(std::vector<CatalogSource> sources)
    : state_(sources.empty() ? nullptr : std::make_unique<State>(std::move(sources))) {}
CatalogWatch::~CatalogWatch() = default;

void CatalogWatch::OnSessionOpened(const Use& use) {
  if (state_) state_->Open(use);
}
void CatalogWatch::OnSessionClosed(uint64_t session_id) {
  if (state_) state_->Close(session_id);
}
void CatalogWatch::OnExecution(uint64_t session_id, const Executed& executed) {
  if (state_) state_->Execution(session_id, executed);
}
bool CatalogWatch::WantsSample(uint64_t session_id, int64_t statement_id, Samples::Values values, int64_t database_ns,
                               uint64_t rows) {
  return state_ && state_->WantsSample(session_id, statement_id, values, database_ns, rows);
}
void CatalogWatch::KeepSample(uint64_t session_id, int64_t statement_id, Planning planning) {
  state_->KeepSample(session_id, statement_id, std::move(planning));
}
void CatalogWatch::Poll(int64_t now_ns, trace::Recorder& recorder) {
  if (state_) state_->Poll(now_ns, recorder);
}
void CatalogWatch::Finish(trace::Recorder& recorder) {
  if (state_) state_->Finish(recorder);
}

}  // namespace pgassay::ingest
