// Environment steps per second in process and over sockets, beside the bare transport of the same
// bytes. Usage: serve_bench [--out FILE] [--seconds S]; S is the length of one measurement.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "tests/bench/unwrap.h"
#include "transport/catalogue.h"
#include "transport/client.h"
#include "transport/game_pool.h"
#include "transport/learner_environment.h"
#include "transport/server.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTrack = "hairpins";
constexpr int kRepetitions = 5;
constexpr int kMostRows = 8192;
constexpr std::size_t kHeaderBytes = 48;  // of a step request; a reply's is smaller

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Round trips: how many per second, and their durations. Medians of all repetitions.
struct Rates {
  double per_second = 0, p50_us = 0, p99_us = 0;
};

// One way to spend a round trip; `begin` and `end` go around each repetition.
struct Exchange {
  std::function<void()> once;
  std::function<void()> begin = [] {}, end = [] {};
};

// Several of them in turns, so that what slows the machine for a while slows all.
std::vector<Rates> Measure(const std::vector<Exchange>& exchanges, double seconds) {
  struct Samples {
    std::vector<double> rates, p50s, p99s;
  };
  std::vector<Samples> samples(exchanges.size());
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    for (std::size_t e = 0; e < exchanges.size(); ++e) {
      exchanges[e].begin();
      for (int i = 0; i < 20; ++i) exchanges[e].once();
      std::vector<double> us;
      const Deadline begin = Clock::now();
      Deadline last = begin;
      while (last - begin < std::chrono::duration<double>(seconds)) {
        exchanges[e].once();
        const Deadline now = Clock::now();
        us.push_back(std::chrono::duration<double, std::micro>(now - last).count());
        last = now;
      }
      exchanges[e].end();
      samples[e].rates.push_back(static_cast<double>(us.size()) /
                                 std::chrono::duration<double>(last - begin).count());
      std::sort(us.begin(), us.end());
      samples[e].p50s.push_back(us[us.size() / 2]);
      samples[e].p99s.push_back(us[us.size() * 99 / 100]);
    }
  }
  std::vector<Rates> rates;
  rates.reserve(samples.size());
  for (const Samples& s : samples)
    rates.push_back({Median(s.rates), Median(s.p50s), Median(s.p99s)});
  return rates;
}

// Answers every message with the same frames, on a thread of its own.
class BareServer {
 public:
  BareServer(zmq::context_t& context, const std::string& endpoint,
             const std::vector<std::size_t>& sizes)
      : router_(context, zmq::socket_type::router) {
    router_.set(zmq::sockopt::linger, 0);
    router_.bind(endpoint);
    endpoint_ = router_.get(zmq::sockopt::last_endpoint);
    for (const std::size_t size : sizes) memory_.emplace_back(size);
    thread_ = std::thread([this] { Run(); });
  }
  ~BareServer() { thread_.join(); }  // its client has sent an empty message
  const std::string& endpoint() const { return endpoint_; }

 private:
  void Run() {
    zmq::message_t identity, frame;
    while (true) {
      if (!router_.recv(identity)) continue;
      do {
        if (!router_.recv(frame)) return;
        if (frame.size() == 0 && !frame.more()) return;
      } while (frame.more());
      router_.send(identity, zmq::send_flags::sndmore);
      for (std::size_t i = 0; i < memory_.size(); ++i) {
        router_.send(zmq::message_t(memory_[i].data(), memory_[i].size(), [](void*, void*) {}),
                     i + 1 < memory_.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
      }
    }
  }

  zmq::socket_t router_;
  std::string endpoint_;
  std::vector<std::vector<std::byte>> memory_;
  std::thread thread_;
};

// Messages as large as those of a step, and nothing behind them.
class BareLearner {
 public:
  BareLearner(const std::string& endpoint, const BatchShape& shape)
      : server_(context_, endpoint, SizesOf(shape)),
        dealer_(context_, zmq::socket_type::dealer),
        header_(kHeaderBytes),
        actions_(static_cast<std::size_t>(shape.rows) * 4) {
    dealer_.set(zmq::sockopt::linger, 1000);
    dealer_.connect(server_.endpoint());
  }
  ~BareLearner() { dealer_.send(zmq::message_t(), zmq::send_flags::none); }
  void Exchange() {
    dealer_.send(zmq::buffer(header_), zmq::send_flags::sndmore);
    dealer_.send(zmq::buffer(actions_), zmq::send_flags::none);
    do {
      if (!dealer_.recv(frame_)) return;
    } while (frame_.more());
  }

 private:
  static std::vector<std::size_t> SizesOf(const BatchShape& shape) {
    return {kHeaderBytes, BatchLayout(shape).SentBytes()};
  }

  zmq::context_t context_;
  BareServer server_;
  zmq::socket_t dealer_;
  std::vector<std::byte> header_, actions_;
  zmq::message_t frame_;
};

Exchange StepsOf(LearnerEnvironment& environment) {
  Unwrap(environment.Reset({}, DeadlineIn(60s)));
  return {[&environment, actions = std::vector<std::int32_t>(
                             static_cast<std::size_t>(environment.num_rows()), 0)] {
    Unwrap(environment.Step({.discrete = actions, .continuous = {}}, DeadlineIn(60s)));
  }};
}

// The step of one half of the rows is in flight while that of the other is received; an exchange is
// of one half.
class Halves {
 public:
  explicit Halves(RemoteVectorEnvironment& remote) : remote_(remote) {
    // Neighbours, for sixteen of them are computed together.
    const int n = remote.num_rows();
    for (std::int32_t row = 0; row < n; ++row) rows_[row < n / 2 ? 0 : 1].push_back(row);
    actions_.resize(rows_[0].size());
  }
  void Begin() {
    Send(0);
    Send(1);
  }
  void Exchange() {
    Receive();
    Send(next_);
    next_ = 1 - next_;
  }
  void End() {
    Receive();
    Receive();
    next_ = 0;
  }

 private:
  void Receive() { Unwrap(remote_.ReceiveStep(DeadlineIn(60s))); }
  void Send(int half) {
    Unwrap(
        remote_.SendStep(rows_[half], {.discrete = actions_, .continuous = {}}, DeadlineIn(60s)));
  }

  RemoteVectorEnvironment& remote_;
  std::vector<std::int32_t> rows_[2];
  std::vector<std::int32_t> actions_;
  int next_ = 0;
};

// Steps per second of several learners together, and the share of the slowest in an even part.
struct Crowd {
  double steps_per_s = 0, slowest = 0;
};

class Learner {
 public:
  Learner(const ConnectOptions& options, const char* environment, int rows)
      : remote_(Unwrap(RemoteVectorEnvironment::Connect(options, DeadlineIn(10s)))) {
    AttachOptions attach;
    attach.environment = environment;
    attach.rows = rows;
    attach.tracks = {kTrack};
    attach.kind = GameKind::kSimulated;
    Unwrap(remote_->Attach(attach, DeadlineIn(60s)));
    Unwrap(remote_->Reset({}, DeadlineIn(60s)));
  }
  RemoteVectorEnvironment& remote() { return *remote_; }
  void Begin() {
    thread_ = std::thread([this] {
      const std::vector<std::int32_t> actions(static_cast<std::size_t>(remote_->num_rows()), 0);
      while (!is_over_) {
        Unwrap(remote_->Step({.discrete = actions, .continuous = {}}, DeadlineIn(60s)));
        num_steps_ += remote_->num_rows();
      }
    });
  }
  void End() {
    is_over_ = true;
    thread_.join();
  }
  std::int64_t num_steps() const { return num_steps_; }

 private:
  std::unique_ptr<RemoteVectorEnvironment> remote_;
  std::thread thread_;
  std::atomic<bool> is_over_{false};
  std::atomic<std::int64_t> num_steps_{0};
};

Crowd MeasureCrowd(const ConnectOptions& options, int learners, int rows, double seconds) {
  std::vector<std::unique_ptr<Learner>> crowd;
  crowd.reserve(static_cast<std::size_t>(learners));
  for (int i = 0; i < learners; ++i) {
    crowd.push_back(std::make_unique<Learner>(options, "default", rows / learners));
  }
  for (const auto& learner : crowd) learner->Begin();
  const auto steps = [&] {
    std::vector<double> counts;
    counts.reserve(crowd.size());
    for (const auto& learner : crowd) counts.push_back(static_cast<double>(learner->num_steps()));
    return counts;
  };
  std::this_thread::sleep_for(100ms);
  std::vector<double> rates;
  const std::vector<double> first = steps();
  std::vector<double> last = first;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    const std::vector<double> before = last;
    const Deadline begin = Clock::now();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    last = steps();
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    rates.push_back(
        (std::reduce(last.begin(), last.end()) - std::reduce(before.begin(), before.end())) / took);
  }
  for (const auto& learner : crowd) learner->End();
  double total = 0, least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < last.size(); ++i) {
    total += last[i] - first[i];
    least = std::min(least, last[i] - first[i]);
  }
  return {Median(rates), least * learners / total};
}

struct Bench {
  Bench()
      : catalogue({std::string(HOTLAP_SOURCE_DIR) + "/configs/environments",
                   std::string(HOTLAP_SOURCE_DIR) + "/configs/tracks",
                   std::string(HOTLAP_SOURCE_DIR) + "/configs/vehicles/stadium.yaml"}),
        games({.simulated = kMostRows + 1024}) {}

  std::unique_ptr<LearnerEnvironment> Local(const char* environment, int rows) {
    const auto track = Unwrap(catalogue.FindTrack(kTrack));
    const std::vector<std::shared_ptr<const OfferedTrack>> tracks(static_cast<std::size_t>(rows),
                                                                  track);
    loan.reset();
    loan = std::make_unique<GameLoan>(Unwrap(games.Lend(GameKind::kSimulated, rows)));
    std::vector<RowConfig> configs(tracks.size());
    for (std::size_t row = 0; row < configs.size(); ++row) {
      configs[row] = {track->centreline, track->track->hash(), row};
    }
    VectorEnvironmentConfig config;
    config.environment = Unwrap(catalogue.FindEnvironment(environment))->config;
    return std::make_unique<LocalVectorEnvironment>(std::make_unique<VectorEnvironment>(
        config, loan->MakeGroups(tracks, catalogue.vehicle()), std::move(configs)));
  }

  Catalogue catalogue;
  GamePool games;
  std::unique_ptr<GameLoan> loan;
};

nlohmann::json Json(const Rates& rates, int rows) {
  return {
      {"steps_per_s", rates.per_second * rows}, {"p50_us", rates.p50_us}, {"p99_us", rates.p99_us}};
}

void Run(const std::string& json_path, double seconds) {
  Bench bench;
  const std::filesystem::path socket_file =
      std::filesystem::temp_directory_path() / ("hotlap-serve-bench-" + std::to_string(getpid()));
  const std::string ipc = "ipc://" + socket_file.string();
  ServerSettings settings;
  settings.endpoints = {ipc, "tcp://127.0.0.1:*", "inproc://served"};
  settings.threads = 1;
  zmq::context_t context;
  Server server(settings, bench.catalogue, bench.games, &context);
  std::thread serving([&] { server.Run(); });

  nlohmann::json results = nlohmann::json::array();
  std::printf(
      "steps/s of all rows and p50 of one exchange; bare: messages of the same sizes; in turns\n");
  std::printf("%-8s %6s %-7s %11s %9s %11s %9s %11s %9s %11s %7s %7s\n", "spec", "rows", "over",
              "in process", "p50 us", "bare", "p50 us", "served", "p50 us", "in halves", "of it",
              "to bare");
  for (const char* const environment : {"default", "compact"}) {
    for (const int rows : {1, 16, 64, 256, 1024}) {
      nlohmann::json result = {{"environment", environment}, {"rows", rows}};
      for (std::size_t i = 0; i < settings.endpoints.size(); ++i) {
        const std::string scheme = settings.endpoints[i].substr(0, settings.endpoints[i].find(':'));
        const auto local = bench.Local(environment, rows);
        const BatchShape shape{.rows = rows,
                               .observation_size = local->spec().observation_size(),
                               .info_columns = static_cast<int>(local->info_columns().size())};
        BareLearner bare(scheme == "ipc"   ? ipc + "-bare"
                         : scheme == "tcp" ? "tcp://127.0.0.1:*"
                                           : "inproc://bare",
                         shape);
        ConnectOptions options;
        options.endpoint = server.endpoints()[i];
        options.context = &context;
        Learner learner(options, environment, rows);
        std::vector<Exchange> exchanges = {
            StepsOf(*local), {[&] { bare.Exchange(); }}, StepsOf(learner.remote())};
        Halves halves(learner.remote());
        if (rows > 1) {
          exchanges.push_back(
              {[&] { halves.Exchange(); }, [&] { halves.Begin(); }, [&] { halves.End(); }});
        }
        const std::vector<Rates> rates = Measure(exchanges, seconds);
        const Rates &in_process = rates[0], &of_bare = rates[1], &served = rates[2];
        result[scheme] = {{"in_process", Json(in_process, rows)},
                          {"bare", Json(of_bare, rows)},
                          {"served", Json(served, rows)}};
        double best = served.per_second * rows;
        std::printf("%-8s %6d %-7s %11.0f %9.1f %11.0f %9.1f %11.0f %9.1f", environment, rows,
                    scheme.c_str(), in_process.per_second * rows, in_process.p50_us,
                    of_bare.per_second * rows, of_bare.p50_us, best, served.p50_us);
        if (rows > 1) {
          result[scheme]["halves"] = Json(rates[3], rows / 2);
          const int half = rows / 2;
          best = rates[3].per_second * half;
          std::printf(" %11.0f", best);
        } else {
          std::printf(" %11s", "");
        }
        std::printf(" %7.2f %7.2f\n", best / (in_process.per_second * rows),
                    served.p50_us / of_bare.p50_us);
        std::fflush(stdout);
      }
      results.push_back(result);
    }
  }

  nlohmann::json crowds = nlohmann::json::array();
  std::printf("\n%8s %8s %12s %10s   over ipc, of all learners; slowest learner / even share\n",
              "learners", "rows", "steps/s", "slowest");
  ConnectOptions options;
  options.endpoint = server.endpoints()[0];
  for (const int rows : {1024, kMostRows}) {
    for (int learners = 1; learners <= 32; learners *= 2) {
      const Crowd crowd = MeasureCrowd(options, learners, rows, seconds);
      crowds.push_back({{"learners", learners},
                        {"rows", rows},
                        {"steps_per_s", crowd.steps_per_s},
                        {"slowest_share", crowd.slowest}});
      std::printf("%8d %8d %12.0f %10.2f\n", learners, rows, crowd.steps_per_s, crowd.slowest);
      std::fflush(stdout);
    }
  }
  server.Stop();
  serving.join();
  std::filesystem::remove(socket_file.string() + "-bare");
  if (json_path.empty()) return;
  std::ofstream file(json_path);
  file << nlohmann::json{{"served", results}, {"crowds", crowds}}.dump(2) << '\n';
  if (!file) throw std::runtime_error(json_path + " cannot be written");
}

}  // namespace
}  // namespace hotlap::transport

int main(int argc, char** argv) {
  std::string out;
  double seconds = 0.1;
  CLI::App app("serve_bench");
  app.add_option("--out", out, "JSON file to write");
  app.add_option("--seconds", seconds, "of each measurement")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    hotlap::transport::Run(out, seconds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "serve_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
