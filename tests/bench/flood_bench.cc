// What a flood of messages that are malformed or of nobody costs the learners of a server: eight of
// them beside 92 other sessions, while 10 000 such messages a second go to the server or, for
// comparison, to a socket that nobody serves; and what of it stays in the server's memory. Usage:
// flood_bench [--out FILE] [--seconds S] [--secured]; S is how long each of the two is measured in
// all. Secured, the server has keys and an access log, the flood comes from clients with a key, and
// others without one try to connect all the while.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "tests/process.h"
#include "transport/client.h"
#include "transport/curve_keys.h"
#include "transport/protocol.h"

namespace hotlap::transport {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kLearners = 8;
constexpr int kRows = 16;
constexpr int kSessions = 100;
constexpr int kPerSecond = 10000;
constexpr auto kTurn = 2s;  // at most, at one target

template <class T, class E>
T Got(tl::expected<T, E> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

double ResidentMiB(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib / 1024;
  }
  throw std::runtime_error("process " + std::to_string(pid) + " has no memory");
}

class RunningServer {
 public:
  explicit RunningServer(bool is_secured)
      : directory_(fs::temp_directory_path() / ("hotlap-flood-" + std::to_string(getpid()))) {
    const fs::path configs = fs::path(HOTLAP_SOURCE_DIR) / "configs";
    fs::create_directories(directory_);
    if (is_secured) {
      const fs::path keys = directory_ / "keys";
      GenerateKeys(keys, std::vector<std::string>{"learner"});
      keys_ = ReadClientKeys(keys / "server.pub", keys / "learner.key");
    }
    std::ofstream(directory_ / "server.yaml")
        << "endpoints: [\"tcp://127.0.0.1:*\"]\nenvironments: "
        << (configs / "environments").string() << "\ntracks: " << (configs / "tracks").string()
        << "\nvehicle: " << (configs / "vehicles/stadium.yaml").string()
        << "\nsimulated: 1024\nlog_level: error\nsessions: {max: " << kSessions << "}\n"
        << (is_secured ? "security: {server_key: keys/server.key, allowed_clients: keys/clients, "
                         "access_log: access.log}\n"
                       : "");
    process_ = std::make_unique<Process>(std::vector<std::string>{
        HOTLAP_PROGRAM_DIR "/hotlap-serve", "--config", (directory_ / "server.yaml").string()});
    const std::string line = process_->ReadLine().value_or("");
    if (!line.starts_with("ready ")) throw std::runtime_error("the server is not ready");
    endpoint_ = line.substr(6);
  }
  ~RunningServer() {
    process_->Signal(SIGTERM);
    process_->Wait();
    fs::remove_all(directory_);
  }

  const std::string& endpoint() const { return endpoint_; }
  const std::optional<ClientKeys>& keys() const { return keys_; }
  pid_t pid() const { return process_->pid(); }

 private:
  const fs::path directory_;
  std::unique_ptr<Process> process_;
  std::optional<ClientKeys> keys_;
  std::string endpoint_;
};

std::unique_ptr<RemoteVectorEnvironment> Attached(zmq::context_t& context,
                                                  const RunningServer& server, int rows) {
  ConnectOptions options;
  options.endpoint = server.endpoint();
  options.keys = server.keys();
  options.context = &context;
  auto remote = Got(RemoteVectorEnvironment::Connect(options, DeadlineIn(20s)));
  Got(remote->Attach({.environment = "default", .rows = rows, .tracks = {"hairpins"}, .info = {}},
                     DeadlineIn(60s)));
  Got(remote->Reset({}, DeadlineIn(60s)));
  return remote;
}

// Steps as fast as the server answers.
class Learner {
 public:
  Learner(zmq::context_t& context, const RunningServer& server)
      : remote_(Attached(context, server, kRows)), thread_([this] { Run(); }) {}
  ~Learner() {
    is_over_ = true;
    thread_.join();
  }
  std::int64_t steps() const { return steps_; }

 private:
  void Run() {
    const std::vector<std::int32_t> actions(kRows, 0);
    while (!is_over_) {
      if (!remote_->Step({.discrete = actions, .continuous = {}}, DeadlineIn(60s))) return;
      steps_ += kRows;
    }
  }
  std::unique_ptr<RemoteVectorEnvironment> remote_;
  std::atomic<std::int64_t> steps_{0};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

// Reads no replies: whoever floods a server does not.
class Flood {
 public:
  // The keys, if any, are the server's and an allowed client's.
  Flood(const std::string& endpoint, const std::optional<ClientKeys>& keys) : random_(1) {
    for (zmq::socket_t& socket : sockets_) {
      socket = zmq::socket_t(context_, zmq::socket_type::dealer);
      socket.set(zmq::sockopt::linger, 0);
      if (keys) UseKeys(socket, *keys);
      socket.connect(endpoint);
    }
    for (zmq::socket_t& socket : strangers_) {
      if (!keys) break;
      socket = zmq::socket_t(context_, zmq::socket_type::dealer);
      socket.set(zmq::sockopt::linger, 0);
      socket.set(zmq::sockopt::reconnect_ivl, 1);
      socket.connect(endpoint);
    }
    thread_ = std::thread([this] { Run(); });
  }
  ~Flood() {
    is_over_ = true;
    thread_.join();
  }
  std::int64_t sent() const { return sent_; }  // of those that were due: the rest found no room

 private:
  std::string Noise(std::size_t most) {
    std::string noise(random_() % most + 1, '\0');
    for (char& c : noise) c = static_cast<char>(random_());
    return noise;
  }
  std::vector<std::string> Next() {
    Request step;
    step.operation = Operation::kStep;
    step.id = 1;
    for (std::byte& byte : step.token.emplace()) byte = static_cast<std::byte>(random_());
    const std::string header = EncodeRequest(step);
    switch (random_() % 5) {
      case 0:
        return {Noise(300)};
      case 1:
        return {header.substr(0, random_() % header.size()), Noise(64)};
      case 2:  // of no session
        return {header, std::string(std::size_t{kRows} * 4, '\0'), ""};
      case 3: {  // for one more than there may be
        Request hello;
        hello.operation = Operation::kHello;
        for (std::byte& byte : hello.key) byte = static_cast<std::byte>(random_());
        return {EncodeRequest(hello)};
      }
      default:
        return {header + Noise(1000), ""};
    }
  }
  void Run() {
    const Deadline begin = Clock::now();
    for (std::int64_t done = 0; !is_over_; std::this_thread::sleep_for(1ms)) {
      const std::int64_t due = (Clock::now() - begin) / 1us * kPerSecond / 1000000;
      for (; done < due; ++done)
        sent_ += Send(sockets_[static_cast<std::size_t>(done) % sockets_.size()], Next()) ? 1 : 0;
    }
  }
  static bool Send(zmq::socket_t& socket, const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      if (!socket.send(zmq::buffer(frames[i]), more | zmq::send_flags::dontwait)) return false;
    }
    return true;
  }

  zmq::context_t context_;
  std::array<zmq::socket_t, 4> sockets_, strangers_;
  std::mt19937_64 random_;
  std::atomic<std::int64_t> sent_{0};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

// Where a flood ends that nobody serves: all of it arrives and stays.
class Unserved {
 public:
  explicit Unserved(const std::optional<KeyPair>& keys)
      : socket_(context_, zmq::socket_type::router) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvhwm, 0);
    if (keys) {
      socket_.set(zmq::sockopt::curve_server, true);
      socket_.set(zmq::sockopt::curve_secretkey, keys->secret_key);
    }
    socket_.bind("tcp://127.0.0.1:*");
  }
  std::string endpoint() const { return socket_.get(zmq::sockopt::last_endpoint); }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Run(const std::string& out, double seconds, bool is_secured) {
  RunningServer server(is_secured);
  // The socket that nobody serves encrypts too, and admits everybody who knows its key.
  std::optional<KeyPair> unserved_keys;
  std::optional<ClientKeys> keys_of_unserved = server.keys();
  if (keys_of_unserved) {
    unserved_keys = MakeKeyPair();
    keys_of_unserved->server_key = unserved_keys->public_key;
  }
  zmq::context_t context;
  std::vector<std::unique_ptr<RemoteVectorEnvironment>> others;
  others.reserve(kSessions - kLearners);
  for (int i = kLearners; i < kSessions; ++i) {
    others.push_back(Attached(context, server, 1));
  }
  std::vector<std::unique_ptr<Learner>> learners;
  learners.reserve(kLearners);
  for (int i = 0; i < kLearners; ++i) {
    learners.push_back(std::make_unique<Learner>(context, server));
  }
  const auto steps = [&] {
    std::int64_t sum = 0;
    for (const auto& learner : learners) sum += learner->steps();
    return sum;
  };
  const std::chrono::duration<double> turn =
      std::min(std::chrono::duration<double>(kTurn), std::chrono::duration<double>(seconds / 3));
  std::vector<double> rates[2], flooded[2], memory_mib;
  {
    Flood warm_up(server.endpoint(), server.keys());
    std::this_thread::sleep_for(turn);
  }
  for (double measured = 0; measured < seconds; measured += turn.count()) {
    for (const int at_server : {0, 1}) {
      const Unserved unserved(unserved_keys);
      const Flood flood(at_server != 0 ? server.endpoint() : unserved.endpoint(),
                        at_server != 0 ? server.keys() : keys_of_unserved);
      std::this_thread::sleep_for(turn / 10);
      const Deadline begin = Clock::now();
      const std::int64_t before = steps(), sent_before = flood.sent();
      std::this_thread::sleep_for(turn);
      const std::chrono::duration<double> took = Clock::now() - begin;
      rates[at_server].push_back(static_cast<double>(steps() - before) / took.count());
      flooded[at_server].push_back(static_cast<double>(flood.sent() - sent_before) / took.count());
    }
    memory_mib.push_back(ResidentMiB(server.pid()));
  }
  const double beside = Median(rates[0]), under = Median(rates[1]);
  std::printf("%d learners of %d rows beside %d other sessions, steps/s of all rows\n", kLearners,
              kRows, kSessions - kLearners);
  std::printf("%12.0f  %.0f bad messages/s go to a socket that nobody serves\n", beside,
              Median(flooded[0]));
  std::printf("%12.0f  %.0f bad messages/s go to the server\n%12.2f  of it kept\n", under,
              Median(flooded[1]), under / beside);
  std::printf("%12.1f  MiB in the server's memory at first, %.1f at last, %.1f at most\n",
              memory_mib.front(), memory_mib.back(), std::ranges::max(memory_mib));
  if (out.empty()) return;
  std::ofstream(out) << nlohmann::json{{"unserved_steps_per_s", beside},
                                       {"served_steps_per_s", under},
                                       {"kept", under / beside},
                                       {"messages_per_s", Median(flooded[1])},
                                       {"memory_mib", memory_mib}}
                            .dump(1)
                     << '\n';
}

}  // namespace
}  // namespace hotlap::transport

int main(int argc, char** argv) {
  std::string out;
  double seconds = 6;
  bool is_secured = false;
  CLI::App app("flood_bench");
  app.add_option("--out", out, "JSON file to write");
  app.add_option("--seconds", seconds, "of each measurement")->capture_default_str();
  app.add_flag("--secured", is_secured, "with keys and an access log");
  CLI11_PARSE(app, argc, argv);
  try {
    hotlap::transport::Run(out, seconds, is_secured);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flood_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
