#include "cli/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include "proxy/base/clock.h"
#include "proxy/base/unique_fd.h"

namespace pgassay::cli {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kReadyLimit = 30'000 * kMillisecond;    // for the recorder to open the trace
constexpr int64_t kRelayEndLimit = 5'000 * kMillisecond;  // beyond drain_ms
constexpr int64_t kRecorderEndLimit = 60'000 * kMillisecond;
constexpr int64_t kFirstRestartDelay = 100 * kMillisecond;
constexpr int64_t kMaxRestartDelay = 5'000 * kMillisecond;
constexpr int kRestartsWhileStopping = 3;
constexpr size_t kPage = 4096;

void SleepOneMillisecond() { ::poll(nullptr, 0, 1); }

std::string ErrnoText(int error) { return std::generic_category().message(error); }

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("ended with code {}", WEXITSTATUS(status));
}

// Pages shared with the children: the totals, then one ring per loop.
class SharedMemory {
 public:
  static Result<SharedMemory> Map(size_t loops, size_t ring_bytes) {
    SharedMemory memory;
    memory.ring_size_ =
        (ring_bytes + 2 * kPage - 1) / kPage * kPage;  // a page more: the ring's header must not halve it
    memory.size_ = TotalsSize() + loops * memory.ring_size_;
    void* mapped = ::mmap(nullptr, memory.size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
      return Fail(fmt::format("cannot get {} MiB of shared memory: {}", memory.size_ >> 20, ErrnoText(errno)));
    }
    memory.bytes_ = static_cast<std::byte*>(mapped);
    memory.totals_ = new (mapped) SharedTotals{};
    memory.loops_ = loops;
    return memory;
  }
  SharedMemory(SharedMemory&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)),
        totals_(other.totals_),
        size_(other.size_),
        ring_size_(other.ring_size_),
        loops_(other.loops_) {}
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory() {
    if (bytes_ != nullptr) ::munmap(bytes_, size_);
  }

  SharedTotals& totals() const { return *totals_; }
  std::vector<SharedRing> AttachRings() const {
    std::vector<SharedRing> rings;
    rings.reserve(loops_);
    for (size_t i = 0; i < loops_; ++i) {
      rings.push_back(SharedRing::Attach({bytes_ + TotalsSize() + i * ring_size_, ring_size_}));
    }
    return rings;
  }

 private:
  SharedMemory() = default;
  static constexpr size_t TotalsSize() { return (sizeof(SharedTotals) + kPage - 1) / kPage * kPage; }

  std::byte* bytes_ = nullptr;
  SharedTotals* totals_ = nullptr;
  size_t size_ = 0;
  size_t ring_size_ = 0;
  size_t loops_ = 0;
};

// A child: ended with its parent, deaf to the signals that a terminal or a service manager sends to all, never dumping
// core.
void BecomeChild(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died in between
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit no_core{};
  ::setrlimit(RLIMIT_CORE, &no_core);
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return Fail(fmt::format("cannot make a pipe: {}", ErrnoText(errno)));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void Say(const UniqueFd& to, std::string_view sentence) {
  [[maybe_unused]] const ssize_t written = ::write(to.get(), sentence.data(), sentence.size());
}

std::string Heard(const UniqueFd& from) {
  std::array<char, 4096> text{};
  const ssize_t got = from ? ::read(from.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))};
}

}  // namespace

class Supervisor::State {
 public:
  State(SupervisorOptions options, SharedMemory memory, std::vector<relay::Listener> listeners)
      : options_(std::move(options)),
        memory_(std::move(memory)),
        key_(HashKey::Random()),
        listeners_(std::move(listeners)) {
    for (const relay::Listener& listener : listeners_) bound_.push_back(listener.bound);
    if (options_.relay.control) {
      control_ = bound_.back();
      bound_.pop_back();
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (relay_ > 0 || recorder_ > 0) [[maybe_unused]]
      const Result<> stopped = Stop();
  }

  Result<> StartRecorder(bool append);
  Result<> WaitUntilRecording();
  Result<> StartRelay();
  Result<> Watch();
  Result<> Stop();

  const std::vector<relay::Address>& bound() const { return bound_; }
  const relay::Address& control() const { return control_; }
  SharedTotals& totals() const { return memory_.totals(); }
  const std::string& recorder_error() const { return recorder_error_; }

 private:
  // True when `child` has ended; then it is reaped and `child` is 0.
  static bool Reap(pid_t& child, int& status) {
    if (child <= 0 || ::waitpid(child, &status, WNOHANG) != child) return false;
    child = 0;
    return true;
  }
  static bool ReapWithin(pid_t& child, int& status, int64_t limit_ns) {
    for (const int64_t until = MonotonicNowNs() + limit_ns; MonotonicNowNs() < until; SleepOneMillisecond()) {
      if (Reap(child, status)) return true;
    }
    return Reap(child, status);
  }
  static void Kill(pid_t& child) {
    if (child <= 0) return;
    int status = 0;
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    child = 0;
  }
  void NoteRecorderEnd(int status) {
    const std::string sentence = Heard(recorder_says_);
    recorder_error_ = sentence.empty() ? fmt::format("the recorder {}", HowItEnded(status)) : sentence;
    totals().recorder.ready.store(0, std::memory_order_release);
    if (WIFSIGNALED(status)) SkipFrontRecords();
  }
  // What killed one recorder would kill the next: the records that it may have died over go with it, into its gap.
  void SkipFrontRecords() {
    for (SharedRing& ring : memory_.AttachRings()) {
      if (!ring.Front().empty()) ring.Pop();
    }
  }
  Result<> RestartRecorder();

  SupervisorOptions options_;
  SharedMemory memory_;
  HashKey key_;
  std::vector<relay::Listener> listeners_;  // until the relay has them
  std::vector<relay::Address> bound_;
  relay::Address control_;
  pid_t relay_ = 0;
  pid_t recorder_ = 0;
  Pipe stop_;
  UniqueFd recorder_says_;
  UniqueFd relay_says_;
  std::string recorder_error_;
  int64_t restart_at_ns_ = 0;
  int64_t restart_delay_ns_ = kFirstRestartDelay;
};

Result<> Supervisor::State::StartRecorder(bool append) {
  Result<Pipe> says = MakePipe();
  if (!says) return std::unexpected(says.error());
  totals().recorder.generation.fetch_add(1, std::memory_order_acq_rel);
  const pid_t parent = ::getpid();
  recorder_ = ::fork();
  if (recorder_ < 0) return Fail(fmt::format("cannot start the recorder: {}", ErrnoText(errno)));
  if (recorder_ == 0) {
    BecomeChild(parent);
    stop_ = {};
    listeners_.clear();
    trace::OpenOptions trace = options_.trace;
    trace.append = trace.append || append;
    std::vector<SharedRing> rings = memory_.AttachRings();
    const Result<> ended = ingest::RunRecorder(rings, totals(), key_, trace, options_.ingest);
    if (!ended) Say(says->write_end, ended.error().message);
    ::_exit(ended ? 0 : 1);
  }
  recorder_says_ = std::move(says->read_end);
  return {};
}

Result<> Supervisor::State::WaitUntilRecording() {
  for (const int64_t until = MonotonicNowNs() + kReadyLimit; MonotonicNowNs() < until; SleepOneMillisecond()) {
    int status = 0;
    if (totals().recorder.ready.load(std::memory_order_acquire) != 0) return {};
    if (!Reap(recorder_, status)) continue;
    NoteRecorderEnd(status);
    return Fail(recorder_error_);
  }
  Kill(recorder_);
  return Fail(fmt::format("the trace {} could not be opened within {} s", options_.trace.path,
                          kReadyLimit / kMillisecond / 1000));
}

Result<> Supervisor::State::StartRelay() {
  Result<Pipe> says = MakePipe();
  if (!says) return std::unexpected(says.error());
  Result<Pipe> stop = MakePipe();
  if (!stop) return std::unexpected(stop.error());
  stop_ = std::move(*stop);
  const pid_t parent = ::getpid();
  relay_ = ::fork();
  if (relay_ < 0) return Fail(fmt::format("cannot start the relay: {}", ErrnoText(errno)));
  if (relay_ == 0) {
    BecomeChild(parent);
    stop_.write_end.Reset();
    std::vector<SharedRing> rings = memory_.AttachRings();
    const relay::RelayMemory memory{.rings = rings, .totals = &totals(), .key = &key_};
    const Result<> served =
        relay::Serve(options_.relay, std::move(listeners_), memory, stop_.read_end.get(), options_.drain_ms);
    if (!served) Say(says->write_end, served.error().message);
    ::_exit(served ? 0 : 1);
  }
  relay_says_ = std::move(says->read_end);
  listeners_.clear();  // the relay's alone, so that its end frees the ports
  return {};
}

Result<> Supervisor::State::RestartRecorder() {
  totals().recorder.restarts.fetch_add(1, std::memory_order_relaxed);
  return StartRecorder(true);
}

Result<> Supervisor::State::Watch() {
  int status = 0;
  if (Reap(relay_, status)) {
    const std::string sentence = Heard(relay_says_);
    return Fail(sentence.empty() ? fmt::format("the relay {}; its connections are closed", HowItEnded(status))
                                 : sentence);
  }
  const int64_t now = MonotonicNowNs();
  if (Reap(recorder_, status)) {
    NoteRecorderEnd(status);
    restart_at_ns_ = now;
  }
  if (recorder_ == 0 && now >= restart_at_ns_) {
    // A recorder that dies again and again (a full disk, a text that kills it) is retried more and more seldom.
    restart_at_ns_ = now + restart_delay_ns_;
    restart_delay_ns_ = std::min(2 * restart_delay_ns_, kMaxRestartDelay);
    if (const Result<> started = RestartRecorder(); !started) recorder_error_ = started.error().message;
  }
  return {};
}

Result<> Supervisor::State::Stop() {
  int status = 0;
  if (relay_ > 0) {
    Say(stop_.write_end, "x");
    if (!ReapWithin(relay_, status, int64_t{options_.drain_ms} * kMillisecond + kRelayEndLimit)) Kill(relay_);
  }
  totals().relay_done.store(1, std::memory_order_release);
  for (int restarts = 0; recorder_ > 0; ++restarts) {
    if (!ReapWithin(recorder_, status, kRecorderEndLimit)) {
      Kill(recorder_);
      return Fail(fmt::format("the recorder did not finish {} within {} s; what it had committed is there",
                              options_.trace.path, kRecorderEndLimit / kMillisecond / 1000));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    NoteRecorderEnd(status);
    if (restarts == kRestartsWhileStopping) return Fail(recorder_error_);
    if (const Result<> started = RestartRecorder(); !started) return started;
  }
  return {};
}

Result<Supervisor> Supervisor::Start(const SupervisorOptions& options) {
  assert(options.relay.threads >= 1 && options.relay.threads <= kMaxLoops);
  ::prctl(PR_SET_DUMPABLE,
          0);  // the rings, with SQL as it was sent, are mapped here too; what `run` executes is dumpable again
  if (Result<> usable = relay::CheckCertificates(options.relay); !usable) return std::unexpected(usable.error());
  Result<std::vector<relay::Listener>> listeners = relay::BindListeners(options.relay);
  if (!listeners) return std::unexpected(listeners.error());
  if (options.check_upstreams) {
    if (Result<> checked = relay::CheckUpstreams(options.relay); !checked) return std::unexpected(checked.error());
  }
  Result<SharedMemory> memory = SharedMemory::Map(static_cast<size_t>(options.relay.threads), options.ring_bytes);
  if (!memory) return std::unexpected(memory.error());
  auto state = std::make_unique<State>(options, std::move(*memory), std::move(*listeners));
  if (Result<> started = state->StartRecorder(false); !started) return std::unexpected(started.error());
  if (Result<> recording = state->WaitUntilRecording(); !recording) return std::unexpected(recording.error());
  if (Result<> started = state->StartRelay(); !started) return std::unexpected(started.error());
  return Supervisor(std::move(state));
}

Supervisor::Supervisor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Supervisor::Supervisor(Supervisor&&) noexcept = default;
Supervisor::~Supervisor() = default;

const std::vector<relay::Address>& Supervisor::bound() const { return state_->bound(); }
const relay::Address& Supervisor::control() const { return state_->control(); }
const SharedTotals& Supervisor::totals() const { return state_->totals(); }
const std::string& Supervisor::recorder_error() const { return state_->recorder_error(); }
void Supervisor::ReloadCertificates() { state_->totals().certificates.fetch_add(1, std::memory_order_acq_rel); }
Result<> Supervisor::Watch() { return state_->Watch(); }
Result<> Supervisor::Stop() { return state_->Stop(); }

}  // namespace pgassay::cli
