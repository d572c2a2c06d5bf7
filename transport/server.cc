#include "transport/server.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "transport/attached_environment.h"
#include "transport/track_reply.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxFramesPerTurn = 1024;  // then finished work gets its turn
constexpr std::size_t kMostFrames = 64;          // whoever sends a message of more is cut
// A learner has two, and for a moment those of before a cut.
constexpr std::size_t kConnectionsPerSession = 4, kMoreConnections = 64;
constexpr int kPeerQueue = 64;  // messages of one connection held in either direction
constexpr int kLingerMs = 200;
constexpr std::uint64_t kOnlyOneAfter = 16;  // pieces of work in a row
constexpr double kOnlyOnesFactor = 10;
constexpr auto kStoppingTurn = 10ms;
constexpr auto kLookAtWaitingEvery = 1s;

constexpr std::string_view kIpc = "ipc://";

// The socket file that an endpoint of the settings names; empty when it names none. That of
// ipc://* is libzmq's to remove.
std::string SocketFile(const std::string& endpoint) {
  if (!endpoint.starts_with(kIpc)) return {};
  std::string path = endpoint.substr(kIpc.size());
  return path.starts_with('@') || path == "*" ? std::string() : path;
}

// A path that a living server listens on is not taken from it; one that a killed server left behind
// is (libzmq unlinks it).
void CheckNobodyListens(const std::string& endpoint) {
  const std::string path = SocketFile(endpoint);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const bool answered =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  if (answered) throw std::runtime_error(endpoint + ": another server listens here");
}

std::unique_ptr<AccessLog> OpenAccessLog(const SecuritySettings& settings) {
  if (settings.access_log.empty()) return nullptr;
  return std::make_unique<AccessLog>(settings.access_log);
}

std::unique_ptr<Admission> MakeAdmission(zmq::context_t& context, const SecuritySettings& settings,
                                         AccessLog* log) {
  if (!settings.wants_admission()) return nullptr;
  return std::make_unique<Admission>(context, settings, log);
}

std::string Bind(zmq::socket_t& socket, const std::string& endpoint) {
  CheckNobodyListens(endpoint);
  socket.set(zmq::sockopt::ipv6, IsIpv6(endpoint));
  try {
    Uninterrupted([&] { socket.bind(endpoint); });
  } catch (const zmq::error_t& error) {
    throw std::runtime_error(endpoint + ": cannot listen here: " + error.what());
  }
  return socket.get(zmq::sockopt::last_endpoint);
}

}  // namespace

struct Server::Message {
  std::string identity;
  zmq::message_t header;
  std::vector<zmq::message_t> arrays;
  std::size_t num_frames = 0;  // behind the identity; of arrays none is kept beyond those allowed
  bool has_too_many_frames() const { return num_frames > 1 + kMaxRequestArrays; }

  std::size_t bytes() const {
    std::size_t bytes = header.size();
    for (const zmq::message_t& array : arrays) bytes += array.size();
    return bytes;
  }
};

struct Server::Finished {
  std::shared_ptr<Session> session;
  std::shared_ptr<Work> work;
  std::optional<Reply> reply;  // nothing: an attach that waits on
  bool is_last = false;        // the workers leave the session
};

Server::Server(const ServerSettings& settings, Catalogue& catalogue, GamePool& games,
               zmq::context_t* context)
    : settings_(settings),
      catalogue_(catalogue),
      snapshots_(settings.snapshot_bytes),
      board_(settings.chat_size),
      attach_context_{catalogue,
                      games,
                      snapshots_,
                      settings.max_rows,
                      settings.transfer_bytes,
                      settings.kept_bytes,
                      settings.sessions.window,
                      std::make_shared<WorkerPool>(settings.threads),
                      [this](std::uint64_t session, int row) {
                        GiveNotice({session, {.kind = EventKind::kReplaced, .row = row}});
                      }},
      own_context_(context == nullptr ? std::make_unique<zmq::context_t>() : nullptr),
      access_log_(OpenAccessLog(settings.security)),
      admission_(MakeAdmission(context == nullptr ? *own_context_ : *context, settings.security,
                               access_log_.get())),
      router_(context == nullptr ? *own_context_ : *context, zmq::socket_type::router),
      sessions_(settings.sessions),
      next_expiry_check_(settings.now()),
      ticked_at_(next_expiry_check_),
      tick_interval_ns_(settings.tick_interval.count()),
      watched_until_(next_expiry_check_),
      started_at_(next_expiry_check_),
      step_workers_(settings.threads),
      patient_workers_(games.num_games() + 2) {
  router_.set(zmq::sockopt::linger, kLingerMs);
  router_.set(zmq::sockopt::sndhwm, kPeerQueue);
  router_.set(zmq::sockopt::rcvhwm, kPeerQueue);
  const std::size_t frame_bytes = MaxRequestFrameBytes(settings.max_rows, settings.transfer_bytes);
  router_.set(zmq::sockopt::maxmsgsize,
              static_cast<std::int64_t>(frame_bytes +
                                        (settings.security.has_curve() ? kCurveFrameBytes : 0)));
  // ZeroMQ's own: a connection that says nothing is closed then.
  router_.set(zmq::sockopt::handshake_ivl,
              static_cast<int>(settings.sessions.handshake_timeout.count()));
  if (admission_ != nullptr) admission_->Guard(router_);
  // As much as a message has at most, with room for what else a connection says.
  connection_watch_ = std::make_unique<ConnectionWatch>(
      context == nullptr ? *own_context_ : *context, router_,
      ConnectionLimits{.connections = kConnectionsPerSession *
                                          static_cast<std::size_t>(settings.sessions.max_sessions) +
                                      kMoreConnections,
                       .bytes = frame_bytes + 2 * kMaxRequestHeaderBytes},
      access_log_.get(), [this] { wakeup_.Wake(); });
  CheckEndpoints(settings.endpoints, settings.security);
  for (const std::string& endpoint : settings.endpoints) {
    endpoints_.push_back(Bind(router_, endpoint));
  }
  hello_.capabilities.assign(kServerCapabilities.begin(), kServerCapabilities.end());
  hello_.message_timeout_ms = settings.sessions.message_timeout.count();
  hello_.lease_grace_ms = settings.sessions.lease_grace.count();
  hello_.window = settings.sessions.window;
  hello_.max_rows = settings.max_rows;
  hello_.max_transfer_bytes = settings.transfer_bytes;
  for (const auto& [name, environment] : catalogue.environments()) {
    hello_.environments.push_back(name);
    hello_.policy_hashes.push_back(environment.spec.policy_hash);
    hello_.task_hashes.push_back(environment.spec.task_hash);
  }
  hello_.tracks = catalogue.track_names();
}

// Work of either pool may be given on to the other.
Server::~Server() {
  stopping_.store(true);
  step_workers_.Stop();
  patient_workers_.Stop();
}

void Server::Stop() {
  stopping_.store(true);
  wakeup_.Wake();
}

void Server::Reload() {
  if (admission_ != nullptr) admission_->Reload();
  reopening_.store(true);
  wakeup_.Wake();
}

Server::Counters Server::counters() const {
  return {num_messages_.load(),
          num_malformed_.load(),
          num_inline_.load(),
          num_sessions_.load(),
          static_cast<std::uint64_t>(num_dropped_.load()),
          num_barred_.load(),
          connection_watch_->num_cut(),
          admission_ == nullptr ? 0 : admission_->num_reloads()};
}

bool Server::Run() {
  TellStarting();
  while (!stopping_.load() || running_ > 0 || !ready_.empty() || !waiting_.empty()) {
    zmq::pollitem_t items[] = {{router_.handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0}};
    const Deadline next_turn = NextTurn();
    const auto look = [&] {
      return Uninterrupted([&] { return zmq::poll(items, 2, std::chrono::milliseconds(0)); }) > 0;
    };
    short_wait_.Wait(
        look, [&] { Poll(items, next_turn); }, next_turn);
    has_worked_ = false;
    if ((items[1].revents & ZMQ_POLLIN) != 0) TakeFinished();
    if (reopening_.exchange(false) && access_log_ != nullptr) access_log_->Reopen();
    ReceiveAll();
    Dispatch();
    ExpireSessions();
    ServeWaiting();
    Tick();
    EndSessions();
    DeliverEvents();
    // Pings of idle sessions are nothing to stay awake for, and where work waits for a worker these
    // need all cores.
    if (!has_worked_ || running_ > settings_.threads) short_wait_.Forget();
    if (!stopping_.load()) continue;
    TellStopping();
    if (stop_deadline_ == kNoDeadline) stop_deadline_ = DeadlineIn(settings_.stop_within);
    if (Clock::now() >= stop_deadline_) break;
  }
  TellStopping();
  const bool is_finished = running_ == 0;
  Close(sessions_.CloseAll());
  if (is_finished) {
    step_workers_.Stop();
    patient_workers_.Stop();
  }
  TellShutdown();
  // While we listen the paths are ours; later they may be a successor's. Connections stay.
  for (const std::string& endpoint : settings_.endpoints) {
    if (const std::string path = SocketFile(endpoint); !path.empty()) unlink(path.c_str());
  }
  connection_watch_->Stop();
  router_.close();
  if (admission_ != nullptr) admission_->Stop();
  if (own_context_ != nullptr) own_context_->close();  // waits until the last replies are sent
  return is_finished;
}

Deadline Server::NextTurn() const {
  if (stopping_.load()) return DeadlineIn(kStoppingTurn);
  Deadline next = NextTick();
  if (sessions_.size() > 0) next = std::min({next, next_expiry_check_, NextEventTurn()});
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.work->wait_until);
  if (next == kNoDeadline) return kNoDeadline;
  return DeadlineIn(std::clamp<std::chrono::nanoseconds>(next - settings_.now(), 0s, 1s));
}

bool Server::Receive(Message& message) {
  zmq::message_t identity;
  if (!ReceiveFrame(router_, identity)) return false;
  message.identity = identity.to_string();
  bool more = identity.more();
  while (more) {
    zmq::message_t frame;
    if (!ReceiveFrame(router_, frame)) return false;
    more = frame.more();
    if (++message.num_frames == 1) {
      message.header = std::move(frame);
    } else if (!message.has_too_many_frames()) {
      message.arrays.push_back(std::move(frame));
    }
  }
  return true;
}

void Server::ReceiveAll() {
  for (std::size_t num_frames = 0; num_frames < kMaxFramesPerTurn;) {
    Message message;
    if (!Receive(message)) return connection_watch_->Drained();
    num_frames += 1 + message.num_frames;
    connection_watch_->Complete(message.header);
    if (message.num_frames > kMostFrames) connection_watch_->Condemn(message.header);
    if (admission_ != nullptr && !admission_->Admits(message.header)) {
      num_barred_.fetch_add(1, std::memory_order_relaxed);
      connection_watch_->Condemn(message.header);
      continue;
    }
    Handle(std::move(message));
  }
}

void Server::Handle(Message message) {
  num_messages_.fetch_add(1, std::memory_order_relaxed);
  ++traffic_.messages_in;
  traffic_.bytes_in += message.bytes();
  auto request = DecodeRequest(BytesOf(message.header));
  if (request) {
    const auto most = static_cast<std::size_t>(NumRequestArrays(request->operation));
    if (!message.has_too_many_frames() && message.arrays.size() <= most) {
      message.arrays.resize(most);  // those at the end that were left out
    } else {
      request = tl::make_unexpected(RequestRefusal{
          request->id,
          {Status::kInvalidPacket, "operation '" + std::string(OperationName(request->operation)) +
                                       "' takes at most " + std::to_string(most) +
                                       " array frames after the header"}});
    }
  }
  if (!request) {
    num_malformed_.fetch_add(1, std::memory_order_relaxed);
    return SendStatus(message, request.error().id, request.error().refusal);
  }
  const std::uint64_t id = request->id;
  if (request->operation == Operation::kPing && !request->token) {
    return SendStatus(message, id, {Status::kOk, {}});
  }
  if (request->operation == Operation::kHello) {
    return HandleHello(*request, message);
  }

  const std::shared_ptr<Session> session = sessions_.Hear(*request->token, settings_.now());
  if (session == nullptr) {
    return SendStatus(message, id, {Status::kInvalidKey, "field 'token' is of no living session"});
  }
  ++session->traffic.messages_in;
  session->traffic.bytes_in += message.bytes();
  if (!IsCounted(request->operation)) {
    return Answer(message.identity,
                  {.request = *std::move(request), .arrays = std::move(message.arrays)}, *session);
  }
  if (id == 0) return HandleSpec(*request, message.identity, *session);
  const bool is_new = id == session->last_id + 1;
  if (is_new && stopping_.load()) {
    return SendStatus(message, id, {Status::kShuttingDown, "the server is shutting down"},
                      session.get());
  }
  const auto admission = sessions_.Admit(*session, id, request->close);
  if (!admission) return SendStatus(message, id, admission.error(), session.get());
  if (id == session->last_id) session->identity = message.identity;
  switch (*admission) {
    case SessionTable::Admission::kNew:
      TellMessage(session, *request);
      session->waiting.Push({*std::move(request), std::move(message.arrays)});
      if (!session->running && session->waiting.size() == 1) ready_.push_back(session);
      break;
    case SessionTable::Admission::kRepeat:
      Send(message.identity, sessions_.Kept(*session, id), session.get());
      break;
    case SessionTable::Admission::kJoined:
      break;
  }
}

void Server::HandleHello(const Request& request, const Message& message) {
  if (stopping_.load()) {
    return SendStatus(message, request.id, {Status::kShuttingDown, "the server is shutting down"});
  }
  HelloReply reply = hello_;
  if (!request.environment.empty()) {
    const auto offered = catalogue_.FindEnvironment(request.environment);
    if (!offered) return SendStatus(message, request.id, offered.error());
    auto warning = CompareHashes(request, (*offered)->spec);
    if (!warning) return SendStatus(message, request.id, warning.error());
    reply.warning = *std::move(warning);
  }
  const auto opened = sessions_.Open(request, settings_.now());
  if (!opened) return SendStatus(message, request.id, opened.error());
  num_sessions_.store(sessions_.size());
  Session& session = **opened;
  reply.token = session.token;
  reply.session = session.public_id;
  reply.session_timeout_ms = session.timeout.count();
  reply.last_id = session.last_id;
  // Nothing of it runs, for it has counted nothing since it was new or dropped.
  if (session.environment != nullptr) reply.attached = session.environment->Describe();
  session.address = PeerAddress(message.header);
  session.key_name = admission_ == nullptr ? "" : admission_->ClientName(message.header);
  if (session.opening != Opening::kRepeated) {
    const bool is_new = session.opening == Opening::kNew;
    const char* const event = is_new ? "opened" : "resumed";
    spdlog::debug("session {}: {} by '{}'", reply.session, event, session.nick);
    LogSession(event, session);
    if (is_new) TellConnect(*opened);
  }
  Reply frames = Reply::HeaderOnly(EncodeReply(request.id, reply));
  Send(message.identity, frames, &session);
}

void Server::HandleSpec(const Request& request, const std::string& identity, Session& session) {
  Reply reply = request.settings.empty() ? Describe(request) : DescribeRows(request, session);
  LogRefusal(reply.status, session.address, &session, request.operation);
  Send(identity, reply, &session);
}

void Server::SendStatus(const Message& message, std::uint64_t id, const Refusal& refusal,
                        Session* session) {
  Reply reply = Reply::Of(id, refusal);
  if (refusal.status != Status::kOk) {
    LogRefusal(refusal.status, PeerAddress(message.header), session, std::nullopt);
  }
  Send(message.identity, reply, session);
}

void Server::LogRefusal(Status status, const std::string& address, const Session* session,
                        std::optional<Operation> operation) {
  if (access_log_ == nullptr || status == Status::kOk) return;
  access_log_->Write({.event = "refused",
                      .address = address,
                      .client = session == nullptr ? "" : session->key_name,
                      .session = session == nullptr ? "" : session->public_id,
                      .operation = operation ? OperationName(*operation) : "",
                      .status = status});
}

void Server::LogSession(const char* event, const Session& session) {
  if (access_log_ == nullptr) return;
  access_log_->Write({.event = event,
                      .address = session.address,
                      .client = session.key_name,
                      .session = session.public_id});
}

void Server::Send(const std::string& identity, Reply& reply, Session* session) {
  const std::size_t bytes = reply.bytes();
  for (Traffic* traffic : {&traffic_, session == nullptr ? nullptr : &session->traffic}) {
    if (traffic == nullptr) continue;
    ++traffic->messages_out;
    traffic->bytes_out += bytes;
  }
  try {
    SendFrame(router_, zmq::message_t(identity.data(), identity.size()), true);
    Reply sent = reply.Share();
    for (std::size_t i = 0; i < sent.frames.size(); ++i) {
      SendFrame(router_, std::move(sent.frames[i]), i + 1 < sent.frames.size());
    }
  } catch (const zmq::error_t& error) {  // the peer went away in between
    spdlog::debug("a reply was not sent: {}", error.what());
  }
}

void Server::Dispatch() {
  while (!ready_.empty()) {
    std::vector<std::shared_ptr<Session>> ready = std::exchange(ready_, {});
    const bool alone = ready.size() == 1;
    for (const std::shared_ptr<Session>& session : ready) {
      const std::shared_ptr<Work> work = session->waiting.Pop();
      if (work == nullptr) continue;  // it was closed meanwhile
      has_worked_ = true;
      num_in_a_row_ = session->number == latest_ ? num_in_a_row_ + 1 : 0;
      latest_ = session->number;
      if (!stopping_.load() && !(alone && RunsHere(*session, *work))) {
        session->running = true;
        ++running_;
        Give(session, work);
        continue;
      }
      if (!stopping_.load()) num_inline_.fetch_add(1, std::memory_order_relaxed);
      Finish({session, work, RunWork(*session, *work)});
    }
  }
}

// Nobody else waits for the work of the only session that asks.
bool Server::RunsHere(const Session& session, const Work& work) const {
  const bool is_only_one = running_ == 0 && num_in_a_row_ >= kOnlyOneAfter;
  return session.environment != nullptr && session.environment->is_simulated() &&
         IsOnRows(work.request.operation) &&
         session.environment->EstimateUs(work) <=
             settings_.inline_limit_us * (is_only_one ? kOnlyOnesFactor : 1);
}

// Whoever has run it goes on with the session's next piece, behind those of other sessions: to ask
// the socket's thread first would cost two hops between threads.
void Server::Give(const std::shared_ptr<Session>& session, const std::shared_ptr<Work>& work) {
  const bool patient = work->request.operation == Operation::kAttach ||
                       work->request.operation == Operation::kTrack ||
                       (session->environment != nullptr && !session->environment->is_simulated());
  (patient ? patient_workers_ : step_workers_).Give([this, session, work] {
    Finished finished{session, work, RunWork(*session, *work)};
    std::shared_ptr<Work> next;
    if (!stopping_.load() && finished.reply) next = session->waiting.Pop();
    finished.is_last = next == nullptr;
    {
      const std::lock_guard lock(finished_mutex_);
      finished_.push_back(std::move(finished));
    }
    wakeup_.Wake();
    if (next != nullptr) Give(session, next);
  });
}

std::optional<Reply> Server::RunWork(Session& session, Work& work) {
  const std::uint64_t id = work.request.id;
  if (stopping_.load())
    return Reply::Of(id, {Status::kShuttingDown, "the server is shutting down"});
  try {
    return RunOperation(session, work);
  } catch (const std::exception& error) {
    spdlog::error("session {}: {}: {}", session.public_id, OperationName(work.request.operation),
                  error.what());
    session.environment.reset();  // nobody knows what state it is in
    return Reply::Of(id, {Status::kUnknownError, "a fault of the server; its log says more"});
  }
}

std::optional<Reply> Server::RunOperation(Session& session, Work& work) {
  const std::uint64_t id = work.request.id;
  if (work.request.operation == Operation::kSpec) return Describe(work.request);
  if (work.request.operation == Operation::kAttach) return RunAttach(session, work);
  if (work.request.operation == Operation::kTrack) {
    const auto track = catalogue_.FindTrack(work.request.track, "track");
    if (!track) return Reply::Of(id, track.error());
    return MakeTrackReply(id, **track, catalogue_.vehicle());
  }
  if (work.request.operation == Operation::kPostMessage) return PostMessage(session, work.request);
  if (work.request.operation == Operation::kClearMessages) {
    return ClearMessages(session, work.request);
  }
  if (work.request.operation == Operation::kAnnounce) return Announce(session, work.request);
  if (session.environment == nullptr && !work.request.close) {
    return Reply::Of(id, {Status::kNotAttached, "the session has no rows; attach some first"});
  }
  if (work.request.operation == Operation::kDetach) {
    session.environment.reset();
    return Reply::Of(id, {Status::kOk, {}});
  }
  Reply reply = session.environment->Run(work);
  const std::uint64_t steps = session.environment->TakeSteps();
  session.steps.fetch_add(steps, std::memory_order_relaxed);
  num_steps_.fetch_add(steps, std::memory_order_relaxed);
  return reply;
}

std::optional<Reply> Server::RunAttach(Session& session, Work& work) {
  const Request& request = work.request;
  if (session.environment != nullptr) {
    return Reply::Of(request.id,
                     {Status::kAlreadyAttached, "the session has its rows; detach them first"});
  }
  if (request.wait > 0ms && !work.place) {
    auto place = attach_context_.games.Queue(request.kind, request.rows);
    if (!place) return Reply::Of(request.id, place.error());
    work.place.emplace(*std::move(place));
    work.wait_until = settings_.now() + request.wait;
  }
  auto attached = AttachedEnvironment::Attach(work, session.number, attach_context_, session.watch);
  if (!attached) {
    const bool waits_on = attached.error().status == Status::kServerFull && work.place &&
                          settings_.now() < work.wait_until;
    if (waits_on) return std::nullopt;
    work.place.reset();
    return Reply::Of(request.id, WithDropped(std::move(attached.error())));
  }
  work.place.reset();
  session.environment = *std::move(attached);
  return Reply::HeaderOnly(EncodeReply(request.id, session.environment->Describe()));
}

// On the socket's thread, for which it would take long to read settings: those of the rows were.
Reply Server::DescribeRows(const Request& request, const Session& session) {
  const bool is_of_rows = !session.running && session.environment != nullptr &&
                          session.environment->settings() == request.settings;
  if (is_of_rows) {
    return Reply::HeaderOnly(EncodeReply(request.id, session.environment->spec()));
  }
  return Reply::Of(request.id,
                   {Status::kBadArgument,
                    "field 'settings': with the id 0 they must be those of the session's rows"});
}

Reply Server::Describe(const Request& request) const {
  const auto offered = catalogue_.Offer(request.environment, request.settings);
  if (!offered) return Reply::Of(request.id, offered.error());
  return Reply::HeaderOnly(EncodeReply(request.id, offered->spec));
}

// Rows may come back soon that nobody drives.
Refusal Server::WithDropped(Refusal refusal) const {
  if (const int rows = num_dropped_rows_.load();
      refusal.status == Status::kServerFull && rows > 0) {
    refusal.text += "; sessions that were dropped keep " + std::to_string(rows) + " more";
  }
  return refusal;
}

void Server::TakeFinished() {
  if (!wakeup_.Take()) return;
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(finished_mutex_);
    finished.swap(finished_);
  }
  TakeNotices();
  has_worked_ |= !finished.empty();
  for (Finished& one : finished) {
    if (one.is_last) --running_;
    if (!one.reply) {
      one.session->waits_for_games = true;
      waiting_.push_back({std::move(one.session), std::move(one.work)});
      num_returns_ = 0;  // some may have come back before it stood here
      continue;
    }
    if (one.is_last) one.session->running = false;
    Finish(std::move(one));
  }
}

// Gives an attach that waits to a worker again when there are games for it, and for the last time
// when it must not wait longer.
void Server::ServeWaiting() {
  if (waiting_.empty()) return;
  std::erase_if(waiting_, [](const Waiting& waiting) {
    return waiting.session->status == SessionStatus::kDisconnected;
  });
  const std::uint64_t num_returns = attach_context_.games.num_returns();
  const bool is_returned = std::exchange(num_returns_, num_returns) != num_returns;
  // Games also leave quarantine, by the clock alone.
  const bool may_be_served = is_returned || settings_.now() >= next_look_at_waiting_;
  if (may_be_served) next_look_at_waiting_ = settings_.now() + kLookAtWaitingEvery;
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const bool is_over = stopping_.load() || settings_.now() >= waiting.work->wait_until ||
                         waiting.session->status == SessionStatus::kDisconnecting;
    if (is_over) waiting.work->wait_until = kAtOnce;
    if (!is_over && !(may_be_served && attach_context_.games.CanLend(*waiting.work->place))) {
      return false;
    }
    waiting.session->waits_for_games = false;
    ++running_;
    Give(waiting.session, waiting.work);
    return true;
  });
}

void Server::Finish(Finished finished) {
  const std::shared_ptr<Session>& session = finished.session;
  LogRefusal(finished.reply->status, session->address, session.get(),
             finished.work->request.operation);
  sessions_.Answer(*session, *std::move(finished.reply), settings_.now());
  Send(session->identity, session->replies.back(), session.get());
  const bool is_over = session->is_ended_by_us && session->unanswered == 0;
  if (finished.work->request.close || is_over) {
    sessions_.Close(*session);
    return Close({session});
  }
  if (session->running) return;
  session->rows = session->environment == nullptr ? 0 : session->environment->num_rows();
  if (session->waiting.size() > 0) ready_.push_back(session);
}

// Gives the rows back and drops the saved states. A worker does it: both may take their time.
void Server::ReleaseEnvironment(Session& session) {
  patient_workers_.Give([this, owner = session.number,
                         environment = std::shared_ptr<AttachedEnvironment>(
                             std::move(session.environment))]() mutable {
    environment.reset();
    snapshots_.DropOwner(owner);
    wakeup_.Wake();  // somebody may wait for its games
  });
}

void Server::ExpireSessions() {
  const Deadline now = settings_.now();
  if (now < next_expiry_check_) return;
  next_expiry_check_ = now + settings_.sessions.shortest_timeout() / 8;
  const SessionTable::Silent silent = sessions_.Expire(now);
  for (const std::shared_ptr<Session>& session : silent.dropped) {
    LogSession("dropped", *session);
    spdlog::info("session {}: dropped; its {} rows are kept for {} s", session->public_id,
                 session->rows,
                 std::chrono::duration<double>(settings_.sessions.lease_grace).count());
  }
  Close(silent.gone, "expired");
  const SessionTable::Dropped dropped = sessions_.dropped();
  num_dropped_.store(dropped.sessions);
  num_dropped_rows_.store(dropped.rows);
  StopWatching();
  TellExpiring();
}

void Server::Close(const std::vector<std::shared_ptr<Session>>& closed, const char* event) {
  num_sessions_.store(sessions_.size());
  for (const std::shared_ptr<Session>& session : closed) {
    spdlog::debug("session {}: {}", session->public_id, event);
    LogSession(event, *session);
    session->outbox.GiveUp();
    std::erase(telling_, session);
    TellDisconnect(session);
    while (session->waiting.Pop()) {
    }
    if (!session->running || session->waits_for_games) ReleaseEnvironment(*session);
  }
}

}  // namespace hotlap::transport
