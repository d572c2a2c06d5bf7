// What the server answers at once, on the socket's thread: requests that change nothing.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "transport/attached_environment.h"
#include "transport/server.h"
#include "transport/service_replies.h"
#include "transport/states_reply.h"

namespace hotlap::transport {

using namespace std::chrono_literals;

namespace {

constexpr auto kWatchFor = 10s;  // after a question
constexpr double kSmoothing = 0.125;
constexpr int kTickMs = 10;

// Numbers of instances: those behind buffers have their number in the pool, a simulated one that of
// its session and its row. Never given twice, as sessions' are not.
constexpr int kRowBits = 16;
static_assert(kMaxRows <= 1 << kRowBits);

std::uint64_t InstanceNumber(const Session& session, int row) {
  return session.number << kRowBits | static_cast<std::uint64_t>(row);
}
std::uint64_t SessionNumber(std::uint64_t instance) { return instance >> kRowBits; }
int RowNumber(std::uint64_t instance) {
  return static_cast<int>(instance & ((std::uint64_t{1} << kRowBits) - 1));
}

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

using Sessions = std::vector<std::shared_ptr<Session>>;

// A row of a living session.
struct Leased {
  std::shared_ptr<Session> session;
  int row = 0;
};

// The lease of each game of a pool.
std::vector<std::optional<Leased>> LeasesOfGames(const Sessions& sessions, int num_games) {
  std::vector<std::optional<Leased>> leases(static_cast<std::size_t>(num_games));
  for (const std::shared_ptr<Session>& session : sessions) {
    int row = session->watch->num_simulated();
    for (const int game : session->watch->games()) {
      leases[static_cast<std::size_t>(game)] = Leased{session, row++};
    }
  }
  return leases;
}

}  // namespace

void Server::Answer(const std::string& identity, const Work& work, Session& asker) {
  const Request& question = work.request;
  tl::expected<Reply, Refusal> reply = Reply::Of(question.id, {Status::kOk, {}});
  switch (question.operation) {
    case Operation::kSessions:
      reply = AnswerSessions(question);
      break;
    case Operation::kInstances:
      reply = AnswerInstances(question);
      break;
    case Operation::kStates:
      reply = AnswerStates(work);
      break;
    case Operation::kLogs:
      reply = AnswerLogs(question);
      break;
    case Operation::kStats:
      reply = AnswerStats(question, asker);
      break;
    case Operation::kMessages:
      reply = Reply::HeaderOnly(
          EncodeReply(question.id, std::span<const PostedMessage>(board_.Since(question.since))));
      break;
    case Operation::kAck:
      asker.outbox.Acknowledge(question.event);
      break;
    default:
      if (question.operation == Operation::kListen) asker.listener = identity;
      if (question.round_trip_us) {
        const double told_us = *question.round_trip_us;
        const bool is_first = asker.latency_us == 0;
        asker.latency_us += (told_us - asker.latency_us) * (is_first ? 1 : kSmoothing);
      }
      break;
  }
  if (!reply) {
    LogRefusal(reply.error().status, asker.address, &asker, question.operation);
    reply = Reply::Of(question.id, reply.error());
  }
  Send(identity, *reply, &asker);
}

Reply Server::AnswerSessions(const Request& question) const {
  const Sessions sessions = sessions_.All();
  std::vector<ListedSession> listed(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const Session& session = *sessions[i];
    listed[i] = {.number = session.number,
                 .session = session.public_id,
                 .nick = session.nick,
                 .status = session.status,
                 .seconds = Seconds(settings_.now() - session.opened_at),
                 .rows = static_cast<std::uint64_t>(session.watch->num_rows()),
                 .steps = session.steps.load(std::memory_order_relaxed),
                 .latency_us = session.latency_us};
  }
  // Of equals the older one comes first.
  std::ranges::stable_sort(listed, std::ranges::greater{}, &ListedSession::steps);
  for (std::size_t i = 0; i < listed.size(); ++i) listed[i].rank = i + 1;
  std::ranges::sort(listed, {}, &ListedSession::number);
  const auto begin = std::ranges::lower_bound(listed, question.first, {}, &ListedSession::number);
  const auto page = std::span(begin, listed.end());
  const bool is_more = page.size() > kMaxListed;
  return Reply::HeaderOnly(EncodeReply(question.id, page.first(std::min(page.size(), kMaxListed)),
                                       is_more ? page[kMaxListed].number : 0));
}

void Server::LookAt(Session& session) {
  watched_until_ = settings_.now() + kWatchFor;
  session.watch->set_is_watched(true);
  if (!session.running && session.environment != nullptr) session.environment->Show();
}

void Server::StopWatching() {
  if (settings_.now() < watched_until_) return;
  for (const std::shared_ptr<Session>& session : sessions_.All()) {
    session->watch->set_is_watched(false);
  }
}

Reply Server::AnswerInstances(const Request& question) {
  const Sessions sessions = sessions_.All();
  const int num_games = attach_context_.games.num_games();
  std::vector<ListedInstance> listed;
  std::uint64_t next = 0;
  // False when there is no room for it.
  const auto add = [&](std::uint64_t number, const std::optional<Leased>& leased) {
    if (listed.size() == kMaxListed) {
      next = number;
      return false;
    }
    ListedInstance instance{.number = number, .kind = GameKind::kTMInterface};
    if (number < static_cast<std::uint64_t>(num_games)) {
      instance.health = attach_context_.games.health(static_cast<int>(number));
    }
    if (leased) {
      LookAt(*leased->session);
      if (auto sight = leased->session->watch->Look(leased->row)) {
        instance.kind = sight->kind;
        instance.session = leased->session->public_id;
        instance.row = static_cast<std::uint64_t>(leased->row);
        instance.track = std::move(sight->track);
        instance.speed = sight->speed;
        if (sight->state) {
          instance.episode = sight->state->episode;
          instance.ticks = std::max(0, sight->state->race_time_ms / kTickMs);
        }
      }
    }
    listed.push_back(std::move(instance));
    return true;
  };
  const auto finish = [&] {
    return Reply::HeaderOnly(
        EncodeReply(question.id, std::span<const ListedInstance>(listed), next));
  };
  const auto leases = LeasesOfGames(sessions, num_games);
  for (std::uint64_t game = question.first; game < leases.size(); ++game) {
    if (!add(game, leases[game])) return finish();
  }
  for (const std::shared_ptr<Session>& session : sessions) {
    if (session->number < SessionNumber(question.first)) continue;
    const bool begins_here = session->number == SessionNumber(question.first);
    const int num_rows = session->watch->num_simulated();
    for (int row = begins_here ? RowNumber(question.first) : 0; row < num_rows; ++row) {
      if (!add(InstanceNumber(*session, row), Leased{session, row})) return finish();
    }
  }
  return finish();
}

tl::expected<Reply, Refusal> Server::AnswerStates(const Work& work) {
  const std::size_t bytes = work.arrays[0].size();
  constexpr std::size_t kMaxBytes = kMaxListed * sizeof(std::uint64_t);
  if (bytes % sizeof(std::uint64_t) != 0 || bytes > kMaxBytes) {
    return Refuse(Status::kBadArgument, "array 'instances' has " + std::to_string(bytes) +
                                            " bytes, must have 8 for each of at most " +
                                            std::to_string(kMaxListed) + " instances");
  }
  std::vector<std::uint64_t> instances(bytes / sizeof(std::uint64_t));
  if (bytes > 0) std::memcpy(instances.data(), work.arrays[0].data(), bytes);

  const Sessions sessions = sessions_.All();
  const auto leases = LeasesOfGames(sessions, attach_context_.games.num_games());
  const auto find = [&](std::uint64_t instance) -> std::optional<Leased> {
    if (instance < leases.size()) return leases[instance];
    const auto found =
        std::ranges::lower_bound(sessions, SessionNumber(instance), {}, &Session::number);
    if (found == sessions.end() || (*found)->number != SessionNumber(instance)) return {};
    const int row = RowNumber(instance);
    if (row >= (*found)->watch->num_simulated()) return {};
    return Leased{*found, row};
  };
  std::vector<std::optional<RowState>> states(instances.size());
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const std::optional<Leased> leased = find(instances[i]);
    if (!leased) continue;
    LookAt(*leased->session);
    if (const auto sight = leased->session->watch->Look(leased->row)) states[i] = sight->state;
  }
  return MakeStatesReply(work.request.id, states);
}

Reply Server::AnswerLogs(const Request& question) const {
  std::vector<LogLine> lines;
  if (settings_.logs != nullptr) lines = settings_.logs->Since(question.since, question.level);
  return Reply::HeaderOnly(EncodeReply(question.id, std::span<const LogLine>(lines)));
}

Reply Server::AnswerStats(const Request& question, const Session& asker) const {
  return Reply::HeaderOnly(
      EncodeReply(question.id, {.session = StatsOf(asker),
                                .traffic = traffic_,
                                .steps = num_steps_.load(std::memory_order_relaxed),
                                .sessions = sessions_.size(),
                                .malformed = num_malformed_.load(std::memory_order_relaxed),
                                .seconds = Seconds(settings_.now() - started_at_)}));
}

}  // namespace hotlap::transport
