// Program hotlap-faults: learners that drive games over a network, and random faults in all of it.
// Each learner holds what it sees equal to the same race in its own process, bit for bit; when the
// faults are over, nothing may be left of them. Prints a report; exits with 1 when a promise was
// broken. Equal seeds draw the same faults; when they strike depends on the machine.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/deadline.h"
#include "env/tminterface/message.h"
#include "tests/faults/learner.h"
#include "tests/faults/local_rows.h"
#include "tests/faults/proxy.h"
#include "tests/faults/served.h"
#include "tests/test_size.h"

namespace hotlap::faults {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

enum class Fault {
  kKillGame,
  kKillServer,
  kKillLearner,
  kPauseGame,
  kPauseServer,
  kPauseLearner,
  kPauseGameLong,
  kPauseServerLong,
  kPauseLearnerLong,
  kCut,
  kDelay,
  kDuplicate,
  kReorder,
  kHalfWritten,
};
constexpr const char* kFaultNames[] = {
    "game killed",         "server killed",      "learner killed",   "game paused",
    "server paused",       "learner paused",     "game paused long", "server paused long",
    "learner paused long", "messages cut",       "messages delayed", "messages doubled",
    "messages reordered",  "half-written buffer"};
// How often each is drawn: what costs most time is rarer.
constexpr std::uint64_t kWeights[] = {6, 1, 2, 4, 2, 4, 2, 1, 1, 3, 3, 3, 3, 4};
static_assert(std::size(kFaultNames) == std::size(kWeights));

struct Flags {
  std::uint64_t seed = 1;
  int faults = TestCount(20, 50, 1000);
  int games = 8;
  int learners = 8;
  std::string out;
  std::string learner_endpoint;  // this process is a learner
};

class FaultTest {
 public:
  explicit FaultTest(const Flags& flags)
      : flags_(flags),
        random_(flags.seed),
        served_(flags.games),
        proxy_(flags.learners, served_.endpoint(), flags.seed) {
    for (int i = 0; i < flags.learners; ++i) {
      learners_.push_back(std::make_unique<Learner>());
      StartLearner(i);
    }
  }

  // True when every promise was kept.
  bool Run() {
    AwaitProgress("before the faults");
    int done = 0;
    for (Deadline next = Clock::now(); done < flags_.faults;) {
      Heal(Clock::now());
      Listen();
      if (Clock::now() >= next && heals_.size() < 4 && Strike()) {
        ++done;
        next = Clock::now() + milliseconds(50 + Below(250));
      }
      std::this_thread::sleep_for(2ms);
    }
    while (!heals_.empty()) {
      Heal(Clock::now());
      Listen();
      std::this_thread::sleep_for(2ms);
    }
    AwaitProgress("after the faults");
    EndLearners();
    CheckLeases();
    EndServer();
    Print();
    return violations_.empty();
  }

 private:
  struct Learner {
    std::unique_ptr<Process> process;
    bool is_paused = false;
    bool is_disturbed = false;                   // its messages
    std::map<std::string, std::int64_t> counts;  // of this process
  };

  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }
  void Violation(const std::string& what) {
    std::printf("violation %s\n", what.c_str());
    std::fflush(stdout);
    violations_.push_back(what);
  }
  Learner& At(int i) { return *learners_[static_cast<std::size_t>(i)]; }

  void StartLearner(int i) {
    At(i).process = std::make_unique<Process>(std::vector<std::string>{
        "/proc/self/exe", "--learner", proxy_.endpoint(i), "--seed",
        std::to_string(flags_.seed * 1000 + static_cast<unsigned>(num_started_++))});
  }
  // What learners have said.
  void Listen() {
    for (int i = 0; i < flags_.learners; ++i) ListenTo(i, 2ms);  // less rounds to nothing
  }
  void ListenTo(int i, milliseconds wait) {
    while (const auto line = At(i).process->ReadLine(wait)) {
      if (line->starts_with("violation ")) {
        Violation("learner " + std::to_string(i) + ": " + line->substr(10));
      } else if (line->starts_with("report ")) {
        At(i).counts = nlohmann::json::parse(line->substr(7)).get<decltype(Learner::counts)>();
      }
    }
  }
  void KeepCounts(int i) {
    for (const auto& [name, count] : std::exchange(At(i).counts, {})) totals_[name] += count;
  }

  // Until every learner has stepped again.
  void AwaitProgress(const std::string& when) {
    std::vector<std::int64_t> before;
    before.reserve(learners_.size());
    for (int i = 0; i < flags_.learners; ++i) before.push_back(At(i).counts["steps"]);
    const Deadline deadline = DeadlineIn(60s);
    for (int i = 0; i < flags_.learners;) {
      Listen();
      if (At(i).counts["steps"] > before[static_cast<std::size_t>(i)] + 10) {
        ++i;
      } else if (Clock::now() >= deadline) {
        return Violation("learner " + std::to_string(i) + " does not step " + when);
      }
    }
  }

  // ---- faults

  void After(milliseconds time, std::function<void()> heal) {
    heals_.emplace(Clock::now() + time, std::move(heal));
  }
  void Heal(Deadline now) {
    while (!heals_.empty() && heals_.begin()->first <= now) {
      const auto heal = std::move(heals_.begin()->second);
      heals_.erase(heals_.begin());
      heal();
    }
  }

  // False: what was drawn cannot be done now.
  bool Strike() {
    std::uint64_t draw =
        Below(std::accumulate(std::begin(kWeights), std::end(kWeights), std::uint64_t{0}));
    std::size_t drawn = 0;
    while (draw >= kWeights[drawn]) draw -= kWeights[drawn++];
    const int game = static_cast<int>(Below(static_cast<unsigned>(flags_.games)));
    const int learner = static_cast<int>(Below(static_cast<unsigned>(flags_.learners)));
    const bool struck = Do(static_cast<Fault>(drawn), game, learner);
    if (struck) ++struck_[drawn];
    return struck;
  }
  bool Do(Fault fault, int game, int learner) {
    const milliseconds short_pause(10 + Below(190));
    switch (fault) {
      case Fault::kKillGame:
        return WithGame(game, [&](pid_t pid) { kill(pid, SIGKILL); });
      case Fault::kKillServer:
        if (server_is_paused_) return false;
        served_.process().Signal(SIGKILL);
        served_.process().Wait();
        served_.Start();
        return true;
      case Fault::kKillLearner:
        if (At(learner).is_paused) return false;
        At(learner).process->Signal(SIGKILL);
        At(learner).process->Wait();
        ListenTo(learner, 20ms);
        KeepCounts(learner);
        StartLearner(learner);
        return true;
      case Fault::kPauseGame:
        return PauseGame(game, short_pause);
      case Fault::kPauseGameLong:
        return PauseGame(game, 2 * Served::kGameTimeout);
      case Fault::kPauseServer:
        return PauseServer(short_pause);
      case Fault::kPauseServerLong:
        return PauseServer(2 * Served::kSessionTimeout);
      case Fault::kPauseLearner:
        return PauseLearner(learner, 4 * short_pause);
      case Fault::kPauseLearnerLong:
        return PauseLearner(learner, 2 * Served::kSessionTimeout);
      case Fault::kCut:
        return Disturb(learner, ProxyMode::kCut);
      case Fault::kDelay:
        return Disturb(learner, ProxyMode::kDelay);
      case Fault::kDuplicate:
        return Disturb(learner, ProxyMode::kDuplicate);
      case Fault::kReorder:
        return Disturb(learner, ProxyMode::kReorder);
      case Fault::kHalfWritten:
        return WithGame(game, [&](pid_t pid) {
          kill(pid, SIGSTOP);
          WriteHalf(game);
          kill(pid, SIGCONT);
        });
    }
    return false;
  }
  template <typename Act>
  bool WithGame(int game, Act act) {
    if (paused_games_.contains(game)) return false;
    const pid_t pid = served_.game(game);
    if (pid != 0) act(pid);
    return pid != 0;
  }
  bool PauseGame(int game, milliseconds time) {
    return WithGame(game, [&](pid_t pid) {
      kill(pid, SIGSTOP);
      paused_games_.insert({game, pid});
      After(time, [this, game, pid] {
        // It may have been killed meanwhile, and its id be another's.
        if (served_.game(game) == pid) kill(pid, SIGCONT);
        paused_games_.erase(game);
      });
    });
  }
  bool PauseServer(milliseconds time) {
    if (std::exchange(server_is_paused_, true)) return false;
    served_.process().Signal(SIGSTOP);
    After(time, [this] {
      served_.process().Signal(SIGCONT);
      server_is_paused_ = false;
    });
    return true;
  }
  bool PauseLearner(int learner, milliseconds time) {
    if (std::exchange(At(learner).is_paused, true)) return false;
    At(learner).process->Signal(SIGSTOP);
    After(time, [this, learner] {
      At(learner).process->Signal(SIGCONT);
      At(learner).is_paused = false;
    });
    return true;
  }
  bool Disturb(int learner, ProxyMode mode) {
    if (std::exchange(At(learner).is_disturbed, true)) return false;
    proxy_.Set(learner, mode);
    After(milliseconds(100 + Below(1900)), [this, learner] {
      proxy_.Set(learner, ProxyMode::kPass);
      At(learner).is_disturbed = false;
    });
    return true;
  }
  // What a game would leave that was stopped while it wrote: a type that says ready over a content
  // that is not there yet, or is none at all.
  void WriteHalf(int game) {
    constexpr std::size_t kBytes = 64;
    const int fd = shm_open(("/" + served_.GameName(game)).c_str(), O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void* const base = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (base == MAP_FAILED) return;
    using tminterface::MessageType;
    const std::uint32_t types[] = {
        static_cast<std::uint32_t>(MessageType::kResponse),
        static_cast<std::uint32_t>(MessageType::kOnRunStep),
        static_cast<std::uint32_t>(MessageType::kOnCheckpointCountChanged),
        static_cast<std::uint32_t>(Below(256))};
    const bool is_ready = Below(4) != 0;
    std::uint32_t word = types[Below(std::size(types))] | (is_ready ? 0xFF00u : 0u);
    if (static_cast<MessageType>(word & 0xFF) == MessageType::kOnLapsCountChanged) word = 0xFFFF;
    std::memset(static_cast<std::byte*>(base) + sizeof(word), 0, kBytes - sizeof(word));
    std::memcpy(base, &word, sizeof(word));
    munmap(base, kBytes);
  }

  // ---- what must hold afterwards

  void EndLearners() {
    for (int i = 0; i < flags_.learners; ++i) At(i).process->Signal(SIGTERM);
    for (int i = 0; i < flags_.learners; ++i) {
      const auto status = At(i).process->Wait(20s);
      if (!status || !WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
        Violation("learner " + std::to_string(i) + " did not end by itself");
      }
      ListenTo(i, 20ms);
      KeepCounts(i);
    }
  }
  // All games can be leased by one, and drive as if nothing had been.
  void CheckLeases() {
    transport::ConnectOptions options;
    options.endpoint = served_.endpoint();
    std::string why;
    for (const Deadline deadline = DeadlineIn(30s); Clock::now() < deadline;) {
      auto all = transport::RemoteVectorEnvironment::Connect(options, DeadlineIn(10s));
      if (!all) return Violation("the server does not answer: " + all.error().text);
      const auto attached = (*all)->Attach(Rows(flags_.games), DeadlineIn(20s));
      if (attached) return CheckGames(**all);
      why = attached.error().text;
      std::this_thread::sleep_for(50ms);
    }
    Violation("a lease has leaked: " + why);
  }
  void CheckGames(transport::LearnerEnvironment& all) {
    // A game that a slow machine starves is lost, and no fault of anybody's.
    for (const Deadline deadline = DeadlineIn(30s); Clock::now() < deadline;) {
      if (DrivesAsEver(all)) return;
    }
    Violation("games go on being lost");
  }
  // False: a game was lost.
  bool DrivesAsEver(transport::LearnerEnvironment& all) {
    const auto local = LocalRows(flags_.games);
    std::vector<std::uint64_t> seeds;
    seeds.reserve(static_cast<std::size_t>(flags_.games));
    for (int row = 0; row < flags_.games; ++row) seeds.push_back(random_());
    const transport::ResetRequest reset{.seeds = seeds};
    auto batch = all.Reset(reset, DeadlineIn(60s));
    auto expected = local->Reset(reset, kNoDeadline);
    for (int step = 0;; ++step) {
      if (!batch) return Violation("the games do not drive: " + batch.error().text), true;
      for (int row = 0; row < flags_.games; ++row) {
        const Sight seen = SightOf(all, *batch, row);
        if (seen.Info("valid") == 0) return false;
        if (seen == SightOf(*local, *expected, row)) continue;
        return Violation("game " + std::to_string(row) + " is not what it was"), true;
      }
      if (step == 50) return true;
      const std::vector<std::int32_t> actions(static_cast<std::size_t>(flags_.games),
                                              step / 10 % 3);
      const ActionView view{.discrete = actions, .continuous = {}};
      batch = all.Step(view, DeadlineIn(60s));
      expected = local->Step(view, kNoDeadline);
    }
  }
  void EndServer() {
    served_.process().Signal(SIGTERM);
    const auto status = served_.process().Wait(20s);
    if (!status) return Violation("the server does not end");
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
      Violation("the server ended with wait status " + std::to_string(*status));
    }
    // What keeps the games of killed servers may be at its end still.
    std::vector<std::string> remains = served_.Remains();
    for (const Deadline deadline = DeadlineIn(10s); !remains.empty() && Clock::now() < deadline;) {
      std::this_thread::sleep_for(20ms);
      remains = served_.Remains();
    }
    for (const std::string& left : remains) Violation(left + " is left");
  }

  void Print() {
    nlohmann::json report = {{"seed", flags_.seed}, {"violations", violations_}};
    std::printf("seed %llu\n", static_cast<unsigned long long>(flags_.seed));
    for (std::size_t i = 0; i < std::size(struck_); ++i) {
      std::printf("%8d  %s\n", struck_[i], kFaultNames[i]);
      report["faults"][kFaultNames[i]] = struck_[i];
    }
    std::printf("%d learners on %d games:\n", flags_.learners, flags_.games);
    for (const auto& [name, count] : totals_) {
      std::printf("%8lld  %s\n", static_cast<long long>(count), name.c_str());
    }
    report["learners"] = totals_;
    std::printf("%zu promises broken\n", violations_.size());
    if (!flags_.out.empty()) std::ofstream(flags_.out) << report.dump(1) << '\n';
  }

  const Flags flags_;
  std::mt19937_64 random_;
  Served served_;
  Proxy proxy_;
  std::vector<std::unique_ptr<Learner>> learners_;
  int num_started_ = 0;
  std::multimap<Deadline, std::function<void()>> heals_;
  std::map<int, pid_t> paused_games_;
  bool server_is_paused_ = false;
  int struck_[std::size(kFaultNames)] = {};
  std::map<std::string, std::int64_t> totals_;
  std::vector<std::string> violations_;
};

}  // namespace
}  // namespace hotlap::faults

int main(int argc, char** argv) {
  hotlap::faults::Flags flags;
  CLI::App app(
      "Breaks games, servers, learners and their network at random, and holds hotlap to its "
      "promises.");
  app.name("hotlap-faults");
  app.add_option("--seed", flags.seed, "of what is drawn")->capture_default_str();
  app.add_option("--faults", flags.faults, "how many")->check(CLI::Range(0, 1 << 20));
  app.add_option("--games", flags.games, "behind mapped buffers")->check(CLI::Range(1, 16));
  app.add_option("--learners", flags.learners, "processes of one row each")
      ->check(CLI::Range(1, 16));
  app.add_option("--out", flags.out, "JSON file of the report");
  app.add_option("--learner", flags.learner_endpoint, "be a learner of this endpoint");
  CLI11_PARSE(app, argc, argv);
  try {
    if (!flags.learner_endpoint.empty()) {
      return hotlap::faults::RunLearner({flags.learner_endpoint, flags.seed});
    }
    return hotlap::faults::FaultTest(flags).Run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-faults: %s\n", error.what());
    return 2;
  }
}
