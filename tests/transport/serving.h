// A server in a thread of the test, its games, and clients of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "transport/catalogue.h"
#include "transport/client.h"
#include "transport/game_pool.h"
#include "transport/handoff.h"
#include "transport/learner_environment.h"
#include "transport/protocol.h"
#include "transport/replies.h"
#include "transport/server.h"

namespace hotlap::transport {

using namespace std::chrono_literals;

inline constexpr auto kPatience = 60s;  // longer than anything takes, for waits that must succeed

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "hotlap-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Two environments that differ in their ticks per step, the tracks and the car of the repository.
inline CataloguePaths MakeCatalogue(const std::filesystem::path& directory) {
  const std::filesystem::path environments = directory / "environments";
  std::filesystem::create_directories(environments);
  std::ofstream(environments / "five.yaml") << "ticks_per_step: 5\n";
  std::ofstream(environments / "ten.yaml") << "ticks_per_step: 10\n";
  const std::filesystem::path configs = std::filesystem::path(HOTLAP_SOURCE_DIR) / "configs";
  return {environments, configs / "tracks", configs / "vehicles" / "stadium.yaml"};
}

// A clock that only the test moves.
class TestClock {
 public:
  Deadline now() const { return Deadline(std::chrono::nanoseconds(now_ns_)); }
  void Advance(std::chrono::nanoseconds time) { now_ns_ += time.count(); }

 private:
  std::atomic<std::int64_t> now_ns_{std::chrono::nanoseconds(1h).count()};
};

// Holds simulated games back while it is shut, so that a request runs as long as a test wants.
class Gate {
 public:
  void Shut() {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
  }
  void Open() {
    {
      const std::lock_guard lock(mutex_);
      is_open_ = true;
    }
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_open_; });
    --waiting_;
  }
  // Until somebody stands before the gate.
  void AwaitWaiting() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, [this] { return waiting_ > 0 && !is_open_; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = true;
  int waiting_ = 0;
};

class GatedGames : public GameGroup {
 public:
  GatedGames(std::unique_ptr<GameGroup> games, std::shared_ptr<Gate> gate)
      : games_(std::move(games)), gate_(std::move(gate)) {}
  int num_slots() const override { return games_->num_slots(); }
  const GameState& state(int slot) const override { return games_->state(slot); }
  void Start(std::span<const Command> commands) override { games_->Start(commands); }
  std::span<const Completion> Collect(Deadline deadline) override {
    gate_->Pass();
    return games_->Collect(deadline);
  }
  void Abandon(int slot) override { games_->Abandon(slot); }
  std::string_view kind() const override { return games_->kind(); }
  bool can_vary_vehicle() const override { return games_->can_vary_vehicle(); }

 private:
  std::unique_ptr<GameGroup> games_;
  std::shared_ptr<Gate> gate_;
};

struct RawReply {
  ReplyStatus header;
  std::vector<std::string> frames;  // the header's too
};

inline Request HelloRequest(int key) {
  Request hello;
  hello.operation = Operation::kHello;
  hello.key.fill(static_cast<std::byte>(key));
  return hello;
}

// A client that sends what it is told, right or wrong.
class RawClient {
 public:
  // `queue`: so many messages wait for it to receive them; the next stay with the server.
  RawClient(zmq::context_t& context, const std::string& endpoint, int queue = 1000)
      : socket_(context, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::rcvhwm, queue);
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo,
                static_cast<int>(std::chrono::milliseconds(kPatience).count()));
    socket_.connect(endpoint);
  }

  void Send(const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      zmq::message_t frame(frames[i].data(), frames[i].size());
      HandOver(frame);
      socket_.send(frame, i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  void Send(const Request& request, std::vector<std::string> arrays = {}) {
    arrays.insert(arrays.begin(), EncodeRequest(request));
    Send(arrays);
  }
  // The frames of the next message; none after `wait`.
  std::vector<std::string> ReceiveFrames(std::chrono::milliseconds wait = kPatience) {
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, wait) == 0) return {};
    std::vector<std::string> frames;
    zmq::message_t frame;
    do {
      if (!socket_.recv(frame)) return {};
      TakeOver(frame);
      frames.push_back(frame.to_string());
    } while (frame.more());
    return frames;
  }
  // The next reply; nullopt after `wait`.
  std::optional<RawReply> Receive(std::chrono::milliseconds wait = kPatience) {
    RawReply reply{.header = {}, .frames = ReceiveFrames(wait)};
    if (reply.frames.empty()) return std::nullopt;
    reply.header = DecodeReplyStatus(std::as_bytes(std::span(reply.frames[0]))).value();
    return reply;
  }
  RawReply Ask(const Request& request, std::vector<std::string> arrays = {}) {
    Send(request, std::move(arrays));
    return Receive().value();
  }
  HelloReply Greet(const Request& hello) {
    const RawReply reply = Ask(hello);
    EXPECT_EQ(reply.header.status, Status::kOk) << reply.header.error;
    return DecodeHelloReply(std::as_bytes(std::span(reply.frames[0]))).value();
  }
  // The token of a new session.
  Token Hello(int key, const std::string& nick = {}) {
    Request hello = HelloRequest(key);
    hello.nick = nick;
    return Greet(hello).token;
  }

 private:
  zmq::socket_t socket_;
};

template <typename T>
std::string Packed(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline Request SessionRequest(Operation operation, const Token& token, std::uint64_t id) {
  Request request;
  request.operation = operation;
  request.token = token;
  request.id = id;
  return request;
}

inline Request AttachRequest(const Token& token, std::uint64_t id, int rows) {
  Request request = SessionRequest(Operation::kAttach, token, id);
  request.environment = "five";
  request.rows = rows;
  request.tracks = {"short_sprint"};
  return request;
}

// Waits for something that no call waits for.
template <typename Condition>
bool Eventually(Condition condition) {
  const Deadline deadline = DeadlineIn(kPatience);
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class ServingTest : public ::testing::Test {
 public:
  ServingTest() {
    spdlog::default_logger_raw();  // made before there are threads, as programs do it
    server_settings.endpoints = {"ipc://" + (directory.path() / "server").string()};
    server_settings.threads = 2;
    server_settings.now = [this] { return clock.now(); };
    game_settings.simulated = 64;
    game_settings.make_simulated = [gate = gate](const std::vector<SimulatedGame>& settings) {
      return std::make_unique<GatedGames>(MakeSimulatedGames(settings), gate);
    };
  }
  ~ServingTest() override { Stop(); }

 protected:
  void Start() {
    catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
    games = std::make_unique<GamePool>(game_settings);
    server = std::make_unique<Server>(server_settings, *catalogue, *games, &context);
    endpoint = server->endpoints()[0];
    thread = std::thread([this] { finished = server->Run(); });
  }
  void Stop() {
    gate->Open();
    if (!thread.joinable()) return;
    server->Stop();
    thread.join();
    server.reset();
  }

  RawClient Raw() { return RawClient(context, endpoint); }
  std::unique_ptr<RemoteVectorEnvironment> Connected() {
    auto remote = RemoteVectorEnvironment::Connect({.endpoint = endpoint, .context = &context},
                                                   DeadlineIn(kPatience));
    EXPECT_TRUE(remote) << remote.error().text;
    return *std::move(remote);
  }
  std::unique_ptr<RemoteVectorEnvironment> Attached(int rows,
                                                    Autoreset autoreset = Autoreset::kNextStep) {
    auto remote = Connected();
    const auto attached = remote->Attach(
        {.environment = "five", .rows = rows, .tracks = {"short_sprint"}, .autoreset = autoreset},
        DeadlineIn(kPatience));
    EXPECT_TRUE(attached) << attached.error().text;
    return remote;
  }
  // The same rows in this process.
  std::unique_ptr<LocalVectorEnvironment> Local(int rows,
                                                Autoreset autoreset = Autoreset::kNextStep) {
    return std::make_unique<LocalVectorEnvironment>(LocalRows(rows, autoreset));
  }
  // Row i has seed first_seed + i.
  std::unique_ptr<VectorEnvironment> LocalRows(int rows, Autoreset autoreset,
                                               std::uint64_t first_seed = 0,
                                               const ArchiveSettings& archive = {},
                                               const Starts& starts = {}) {
    const auto track = catalogue->FindTrack("short_sprint").value();
    std::vector<SimulatedGame> settings(static_cast<std::size_t>(rows),
                                        {track->track, catalogue->vehicle()});
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(MakeSimulatedGames(settings));
    std::vector<RowConfig> configs(static_cast<std::size_t>(rows));
    for (std::size_t row = 0; row < configs.size(); ++row) {
      configs[row] = {track->centreline, track->track->hash(), first_seed + row};
    }
    VectorEnvironmentConfig config;
    config.environment = catalogue->FindEnvironment("five").value()->config;
    config.autoreset = autoreset;
    config.archive = archive;
    config.starts = starts;
    return std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(configs));
  }

  // Advances the server's clock step by step, with `meanwhile` after each, until `condition` holds.
  // Steps are short, so that the server does not take itself for absent.
  template <typename Condition, typename Meanwhile>
  bool PassUntil(Condition condition, Meanwhile meanwhile) {
    RawClient pinger = Raw();
    return Eventually([&] {
      clock.Advance(server_settings.sessions.shortest_timeout() / 4);
      meanwhile();
      pinger.Ask(Request{});  // the server has a turn
      return condition();
    });
  }
  bool PassUntilDroppedAre(std::size_t count) {
    return PassUntil([&] { return server->counters().dropped == count; }, [] {});
  }
  // Likewise until it has as few sessions, those that are dropped too.
  template <typename Meanwhile>
  bool PassUntilSessionsAre(std::size_t count, Meanwhile meanwhile) {
    return PassUntil([&] { return server->counters().sessions == count; }, meanwhile);
  }
  bool PassUntilSessionsAre(std::size_t count) {
    return PassUntilSessionsAre(count, [] {});
  }

  TemporaryDirectory directory;
  TestClock clock;  // the server's
  zmq::context_t context;
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  ServerSettings server_settings;
  GamePoolSettings game_settings;
  std::unique_ptr<Catalogue> catalogue;
  std::unique_ptr<GamePool> games;
  std::unique_ptr<Server> server;
  std::string endpoint;
  std::thread thread;
  bool finished = false;
};

// The action of a row at a step: anything, but always the same.
inline std::vector<std::int32_t> Actions(const ActionSpec& spec, int rows, int step) {
  std::vector<std::int32_t> actions(static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    const auto mixed = static_cast<std::uint32_t>((step / 7) * 31 + row * 17 + 5) * 2654435761u;
    actions[static_cast<std::size_t>(row)] =
        static_cast<std::int32_t>((mixed >> 16) % static_cast<std::uint32_t>(spec.size()));
  }
  return actions;
}

template <typename T>
void Append(std::string& bytes, std::span<const T> values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

inline std::string BytesOf(const ConstBatchView& batch) {
  std::string bytes;
  Append(bytes, batch.observations);
  Append(bytes, batch.rewards);
  Append(bytes, batch.terminated);
  Append(bytes, batch.truncated);
  Append(bytes, batch.status);
  Append(bytes, batch.info);
  Append(bytes, batch.final_rows);
  Append(bytes, batch.final_observations);
  Append(bytes, batch.final_info);
  return bytes;
}

// Steps `environment` on from step `first`, and gives every batch as bytes.
inline std::vector<std::string> Drive(LearnerEnvironment& environment, int first, int steps) {
  std::vector<std::string> batches;
  for (int step = first; step < first + steps; ++step) {
    const auto actions = Actions(environment.spec().action, environment.num_rows(), step);
    const auto batch =
        environment.Step({.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
    if (!batch) {
      ADD_FAILURE() << "step " << step << ": " << StatusName(batch.error().status) << ": "
                    << batch.error().text;
      return batches;
    }
    batches.push_back(BytesOf(*batch));
  }
  return batches;
}

// Reset, then Drive.
inline std::vector<std::string> Race(LearnerEnvironment& environment, int steps) {
  const auto first = environment.Reset({}, DeadlineIn(kPatience));
  if (!first) {
    ADD_FAILURE() << "reset: " << first.error().text;
    return {};
  }
  std::vector<std::string> batches = {BytesOf(*first)};
  for (std::string& batch : Drive(environment, 0, steps)) batches.push_back(std::move(batch));
  return batches;
}

}  // namespace hotlap::transport
