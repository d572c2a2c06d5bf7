#include "transport/client.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "env/vector_loops.h"
#include "transport/handshake_watch.h"
#include "transport/row_steps.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

// Ids of hellos and questions, which are not counted, so that no late answer to one is taken for a
// request's. They begin at random: those of two clients with one key differ.
constexpr std::uint64_t kFirstUncountedId = std::uint64_t{1} << 63;
constexpr std::size_t kMaxReplyFrames = 16;
constexpr int kLingerMs = 100;  // for the goodbye
constexpr std::chrono::milliseconds kMinKeepAlive{10}, kMinRetryInterval{10};
constexpr std::chrono::milliseconds kLostPause{100};
constexpr std::chrono::milliseconds kHelloInterval{1000};  // until the server has told its own

template <typename T>
std::span<const T> As(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

// Nothing is known of the request; it may still be answered.
bool IsUnanswered(const Refusal& refusal) {
  return refusal.status == Status::kTimedOut || refusal.status == Status::kServerLost;
}

std::uint64_t NumberFrom(const Token& token) {
  std::uint64_t number;
  std::memcpy(&number, token.data(), sizeof number);
  return number;
}

}  // namespace

RemoteVectorEnvironment::RemoteVectorEnvironment(const ConnectOptions& options)
    : options_(options),
      own_context_(options.context == nullptr ? std::make_unique<zmq::context_t>() : nullptr),
      key_(options.key ? *options.key : RandomToken()),
      next_uncounted_id_(kFirstUncountedId | NumberFrom(RandomToken()) >> 2) {}

zmq::context_t& RemoteVectorEnvironment::context() const {
  return options_.context == nullptr ? *own_context_ : *options_.context;
}

void RemoteVectorEnvironment::OpenSocket() {
  handshakes_.reset();
  socket_ = zmq::socket_t(context(), zmq::socket_type::dealer);
  handshakes_.emplace(context(), socket_, options_.keys.has_value());
  socket_.set(zmq::sockopt::linger, kLingerMs);
  socket_.set(zmq::sockopt::ipv6, IsIpv6(options_.endpoint));
  if (options_.keys) UseKeys(socket_, *options_.keys);
  Uninterrupted([&] { socket_.connect(options_.endpoint); });
}

tl::expected<std::unique_ptr<RemoteVectorEnvironment>, Refusal> RemoteVectorEnvironment::Connect(
    const ConnectOptions& options, Deadline deadline) {
  std::unique_ptr<RemoteVectorEnvironment> remote(new RemoteVectorEnvironment(options));
  try {
    remote->OpenSocket();
  } catch (const zmq::error_t& error) {
    return Refuse(Status::kBadArgument, options.endpoint + ": " + error.what());
  }
  if (auto opened = remote->Open(deadline); !opened) return tl::make_unexpected(opened.error());
  if (auto taken = remote->TakeOver(deadline); !taken) {
    remote->keep_alive_.reset();  // without a goodbye: the session stays for another attempt
    return tl::make_unexpected(taken.error());
  }
  return remote;
}

Request RemoteVectorEnvironment::Hello() {
  Request hello = RequestFor(Operation::kHello);
  hello.id = next_uncounted_id_++;
  hello.key = key_;
  hello.nick = options_.nick;
  hello.timeout = options_.timeout;
  hello.environment = options_.environment;
  hello.policy_hash = options_.policy_hash;
  hello.task_hash = options_.task_hash;
  return hello;
}

tl::expected<HelloReply, Refusal> RemoteVectorEnvironment::Greet(const Request& hello,
                                                                 Deadline until) {
  const std::string header = EncodeRequest(hello);
  SendFrame(socket_, zmq::message_t(header.data(), header.size()), false);
  while (Receive(until)) {
    const std::span<const std::byte> frame = BytesOf(received_.frames[0]);
    if (frame.size() > kMaxReplyHeaderBytes) return BadReply("its header is too long");
    const auto status = DecodeReplyStatus(frame);
    if (!status) return BadReply(status.error());
    if (status->id != hello.id && status->id != 0) continue;
    if (status->status != Status::kOk) return Refuse(status->status, status->error);
    auto reply = DecodeHelloReply(frame);
    if (!reply) return BadReply(reply.error());
    return *std::move(reply);
  }
  if (const auto failure = handshakes_->Failure()) {
    return Refuse(Status::kPermissionDenied,
                  "the server at " + options_.endpoint + ": " + *failure);
  }
  return Refuse(Status::kTimedOut, "no reply from " + options_.endpoint + " in time");
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Open(Deadline deadline) {
  Request hello = Hello();
  hello.resume = options_.last_id.has_value();
  Backoff backoff(options_.reconnect.value_or(BackoffSettings{}), NumberFrom(key_));
  while (true) {
    const Deadline next =
        Clock::now() +
        (options_.reconnect ? backoff.Next() : options_.retry_interval.value_or(kHelloInterval));
    auto reply = Greet(hello, std::min(deadline, next));
    if (reply) {
      TakeSession(*std::move(reply));
      return {};
    }
    const Status status = reply.error().status;
    const bool predecessor_lives = status == Status::kAlreadyConnected && options_.reconnect;
    const bool has_no_connection = status == Status::kPermissionDenied;
    if (status != Status::kTimedOut && !predecessor_lives && !has_no_connection) {
      return tl::make_unexpected(std::move(reply.error()));
    }
    if (predecessor_lives) std::this_thread::sleep_until(std::min(deadline, next));
    if (Clock::now() >= deadline) return tl::make_unexpected(std::move(reply.error()));
    if (has_no_connection) OpenSocket();  // ZeroMQ does not try again with this one
  }
}

void RemoteVectorEnvironment::TakeSession(HelloReply reply) {
  hello_ = std::move(reply);
  const std::chrono::milliseconds timeout(hello_.session_timeout_ms);
  KeepAliveSettings settings{
      .endpoint = options_.endpoint, .keys = options_.keys, .token = hello_.token};
  settings.on_event = options_.on_event;
  settings.seen = seen_;
  settings.interval = std::max(kMinKeepAlive, std::min(options_.keep_alive, timeout / 10));
  settings.timeout = std::max(timeout, 10 * settings.interval);
  keep_alive_.reset();  // both hear of `seen_`
  keep_alive_ = std::make_unique<KeepAlive>(context(), settings);
}

tl::expected<void, Refusal> RemoteVectorEnvironment::TakeOver(Deadline deadline) {
  last_id_ = options_.last_id.value_or(hello_.last_id);
  if (last_id_ > hello_.last_id) {
    return Refuse(Status::kBadArgument, "'last_id' is " + std::to_string(last_id_) +
                                            ", the session has counted " +
                                            std::to_string(hello_.last_id));
  }
  if (!hello_.attached) return {};
  Request request = RequestFor(Operation::kSpec);  // uncounted: the next id is that of a call
  request.token = hello_.token;
  request.environment = hello_.attached->environment;
  request.settings = hello_.attached->settings;
  Post(std::move(request), {});
  if (auto answered = AwaitOldest(deadline); !answered) return answered;
  auto spec = DecodeSpecReply(BytesOf(received_.frames[0]));
  if (!spec) return BadReply(spec.error());
  return TakeRows(*hello_.attached, *std::move(spec));
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Reconnect(Deadline deadline) {
  Request hello = Hello();
  hello.resume = true;
  Backoff backoff(*options_.reconnect, NumberFrom(key_) ^ hello.id);
  std::string reason;
  while (true) {
    OpenSocket();  // the server may never hear of the old connection again
    const Deadline next = std::min(deadline, Clock::now() + backoff.Next());
    auto reply = Greet(hello, next);
    // A session that was not dropped goes on under its token.
    if (!reply && reply.error().status == Status::kAlreadyConnected) reply = hello_;
    if (reply) {
      TakeSession(*std::move(reply));
      for (InFlight& request : in_flight_) {
        request.request.token = hello_.token;
        const std::string header = EncodeRequest(request.request);
        request.frames[0] = zmq::message_t(header.data(), header.size());
        request.num_copies = 0;  // no reply to those before comes here
        SendCopy(request);
      }
      return {};
    }
    const Status status = reply.error().status;
    session_is_lost_ = status == Status::kInvalidKey;
    const bool has_no_connection = status == Status::kPermissionDenied;
    if (status != Status::kTimedOut && status != Status::kShuttingDown && !has_no_connection) {
      return tl::make_unexpected(std::move(reply.error()));
    }
    if (has_no_connection) reason = std::move(reply.error().text);
    if (status == Status::kShuttingDown) std::this_thread::sleep_until(next);
    if (Clock::now() >= deadline) return ServerIsLost(reason);
  }
}

tl::unexpected<Refusal> RemoteVectorEnvironment::ServerIsLost(const std::string& reason) const {
  return Refuse(Status::kServerLost, options_.endpoint + " has not answered for " +
                                         std::to_string(hello_.session_timeout_ms) + " ms" +
                                         (reason.empty() ? "" : "; " + reason));
}

std::uint64_t RemoteVectorEnvironment::last_id() const {
  for (const InFlight& request : in_flight_) {
    if (request.request.id > 0 && request.request.id <= last_id_) return request.request.id - 1;
  }
  return last_id_;
}

std::chrono::milliseconds RemoteVectorEnvironment::retry_interval() const {
  return options_.retry_interval.value_or(
      std::max(kMinRetryInterval, std::chrono::milliseconds(hello_.message_timeout_ms)));
}

RemoteVectorEnvironment::~RemoteVectorEnvironment() {
  if (keep_alive_ == nullptr) return;
  keep_alive_.reset();
  Request goodbye = RequestFor(Operation::kDetach);
  goodbye.close = true;
  last_id_ = std::max(last_id_, hello_.last_id);  // a successor may not have made its calls again
  PostNext(std::move(goodbye), {});
}

RemoteVectorEnvironment::InFlight& RemoteVectorEnvironment::Post(Request request,
                                                                 const Arrays& arrays) {
  InFlight& posted = in_flight_.emplace_back();
  const std::string header = EncodeRequest(request);
  posted.frames.emplace_back(header.data(), header.size());
  std::size_t num_arrays = static_cast<std::size_t>(NumRequestArrays(request.operation));
  while (num_arrays > 0 && arrays[num_arrays - 1].empty()) --num_arrays;
  for (std::size_t i = 0; i < num_arrays; ++i) {
    posted.frames.emplace_back(arrays[i].data(), arrays[i].size());
  }
  posted.request = std::move(request);
  SendCopy(posted);
  return posted;
}

RemoteVectorEnvironment::InFlight& RemoteVectorEnvironment::PostNext(Request request,
                                                                     const Arrays& arrays) {
  request.token = hello_.token;
  request.id = ++last_id_;
  return Post(std::move(request), arrays);
}

void RemoteVectorEnvironment::SendCopy(InFlight& request) {
  if (!request.reply.empty()) return;
  const Frames& frames = request.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    zmq::message_t frame;
    frame.copy(request.frames[i]);
    // Without a peer the queue may be full: then this was sent often enough.
    if (!SendFrame(socket_, std::move(frame), i + 1 < frames.size())) return;
  }
  ++request.num_copies;
}

bool RemoteVectorEnvironment::Receive(Deadline until) {
  zmq::message_t frame;
  bool is_here = false;
  const auto receive = [&] { return is_here = ReceiveFrame(socket_, frame); };
  const auto sleep = [&] {
    zmq::pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, -1, ZMQ_POLLIN, 0}};
    const bool is_watched = keep_alive_ != nullptr && !keep_alive_->server_is_lost();
    if (is_watched) items[1].fd = keep_alive_->lost_fd();
    Poll({items, is_watched ? 2u : 1u}, until);
    receive();
  };
  if (!receive()) short_wait_.Wait(receive, sleep, until);
  if (!is_here) return false;
  received_.frames.clear();
  bool more = frame.more();
  received_.frames.push_back(std::move(frame));
  while (more) {
    zmq::message_t next;
    if (!ReceiveFrame(socket_, next)) return false;
    more = next.more();
    if (received_.frames.size() < kMaxReplyFrames) received_.frames.push_back(std::move(next));
  }
  return true;
}

void RemoteVectorEnvironment::Keep(const ReplyStatus& reply) {
  const auto request = std::ranges::find(
      in_flight_, reply.id, [](const InFlight& in_flight) { return in_flight.request.id; });
  // A repeat of an earlier one is nobody's. A refusal that uses up no id may be out of date once
  // those before it are answered: it comes again when its request is sent again.
  if (request == in_flight_.end()) return;
  if (reply.status == Status::kOk || UsesUpId(reply.status)) {
    request->reply = std::exchange(received_.frames, {});
  }
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Take(std::size_t place, ReplyStatus reply) {
  const auto request = in_flight_.begin() + static_cast<std::ptrdiff_t>(place);
  answered_ = std::move(*request);
  in_flight_.erase(request);
  if (reply.status == Status::kOk) return {};
  const std::uint64_t id = answered_.request.id;
  const bool is_counted = id > 0 && id <= last_id_;  // no question
  if (is_counted && !UsesUpId(reply.status)) {
    // Neither it nor those behind it have been counted.
    last_id_ = id - 1;
    must_settle_ = answered_.num_copies > 1 || !in_flight_.empty();
    in_flight_.clear();
  }
  return Refuse(reply.status, std::move(reply.error));
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Await(std::size_t place, Deadline deadline) {
  if (Frames& kept = in_flight_[place].reply; !kept.empty()) {
    received_.frames = std::exchange(kept, {});
    return Take(place, DecodeReplyStatus(BytesOf(received_.frames[0])).value());
  }
  // Who asks again and again is held up for a moment by a server that stays lost.
  const Deadline lost_until =
      server_is_lost() && !options_.reconnect ? Clock::now() + kLostPause : kAtOnce;
  Deadline next_send = Clock::now() + retry_interval();
  while (true) {
    if (Receive(std::min(deadline, server_is_lost() ? lost_until : next_send))) {
      keep_alive_->Hear();
      if (received_.frames[0].size() > kMaxReplyHeaderBytes)
        return BadReply("its header is too long");
      auto reply = DecodeReplyStatus(BytesOf(received_.frames[0]));
      if (!reply) return BadReply(reply.error());
      const bool is_unreadable = reply->id == 0 && reply->status != Status::kOk;
      if (reply->id == in_flight_[place].request.id || is_unreadable) {
        return Take(place, *std::move(reply));
      }
      Keep(*reply);
      continue;
    }
    if (server_is_lost()) {
      if (!options_.reconnect) return ServerIsLost();
      if (auto reached = Reconnect(deadline); !reached) {
        if (!IsUnanswered(reached.error())) in_flight_.clear();  // it has nobody to answer it
        return reached;
      }
      next_send = Clock::now() + retry_interval();
      continue;
    }
    const Deadline now = Clock::now();
    if (now >= deadline) {
      return Refuse(Status::kTimedOut, "no reply from " + options_.endpoint + " in time");
    }
    if (now >= next_send) {
      for (InFlight& request : in_flight_) SendCopy(request);
      next_send = now + retry_interval();
    }
  }
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Settle(Deadline deadline) {
  for (InFlight& request : in_flight_) request.is_dropped = true;
  while (!in_flight_.empty()) {
    auto earlier = AwaitOldest(deadline);
    if (!earlier && IsUnanswered(earlier.error())) return earlier;
  }
  return SettleIds(deadline);
}

tl::expected<void, Refusal> RemoteVectorEnvironment::SettleIds(Deadline deadline) {
  if (!must_settle_) return {};
  auto pong = Ask(RequestFor(Operation::kPing), {}, deadline);
  if (!pong && IsUnanswered(pong.error())) return pong;
  must_settle_ = false;
  return {};
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Call(Request request, const Arrays& arrays,
                                                          Deadline deadline) {
  const std::size_t limit = MaxRequestFrameBytes(hello_.max_rows, hello_.max_transfer_bytes);
  for (const std::span<const std::byte> array : arrays) {
    if (array.size() > limit) {
      return Refuse(Status::kBadArgument,
                    "an array of '" + std::string(OperationName(request.operation)) + "' has " +
                        std::to_string(array.size()) + " bytes, the server takes at most " +
                        std::to_string(limit));
    }
  }
  return Settle(deadline).and_then([&] {
    PostNext(std::move(request), arrays);
    return AwaitOldest(deadline);
  });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Ask(Request question, const Arrays& arrays,
                                                         Deadline deadline) {
  const std::uint64_t id = next_uncounted_id_++;
  question.token = hello_.token;
  question.id = id;
  Post(std::move(question), arrays);
  auto answered = Await(in_flight_.size() - 1, deadline);
  if (!in_flight_.empty() && in_flight_.back().request.id == id) in_flight_.pop_back();
  return answered;
}

tl::expected<EnvironmentSpec, Refusal> RemoteVectorEnvironment::Spec(const std::string& environment,
                                                                     Deadline deadline,
                                                                     const std::string& settings) {
  Request request = RequestFor(Operation::kSpec);
  request.environment = environment;
  request.settings = settings;
  if (auto called = Call(std::move(request), {}, deadline); !called) {
    return tl::make_unexpected(called.error());
  }
  auto spec = DecodeSpecReply(BytesOf(received_.frames[0]));
  if (!spec) return BadReply(spec.error());
  return *std::move(spec);
}

tl::expected<AttachReply, Refusal> RemoteVectorEnvironment::Attach(const AttachOptions& options,
                                                                   Deadline deadline) {
  if (auto good = CheckSize("seeds", options.seeds.size(), options.rows, true); !good) {
    return tl::make_unexpected(good.error());
  }
  auto spec = Spec(options.environment, deadline, options.settings);
  if (!spec) return tl::make_unexpected(spec.error());
  Request request = RequestFor(Operation::kAttach);
  request.environment = options.environment;
  request.settings = options.settings;
  request.policy_hash = spec->policy_hash;
  request.rows = options.rows;
  request.tracks = options.tracks;
  request.kind = options.kind;
  request.autoreset = options.autoreset;
  request.observations = options.observations;
  request.info = options.info;
  request.wait = options.wait;
  request.keep_every_m = options.keep_every_m;
  request.starts = options.starts;
  if (auto called = Call(std::move(request), {std::as_bytes(std::span(options.seeds))}, deadline);
      !called) {
    return tl::make_unexpected(called.error());
  }
  auto reply = DecodeAttachReply(BytesOf(received_.frames[0]));
  if (!reply) return BadReply(reply.error());
  if (reply->rows != options.rows || reply->autoreset != options.autoreset ||
      reply->observations != options.observations) {
    return BadReply("its rows are not those that were asked for");
  }
  return TakeRows(*reply, *std::move(spec)).map([&] { return *std::move(reply); });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::TakeRows(const AttachReply& rows,
                                                              EnvironmentSpec spec) {
  if (rows.observation_size != spec.observation_size()) {
    return BadReply("its observations are not those of the spec");
  }
  std::vector<InfoColumn> columns;
  for (const std::string& name : rows.info) {
    const auto column = std::ranges::find(spec.info, name, &InfoColumn::name);
    if (column == spec.info.end()) return BadReply("column '" + name + "' is not in the spec");
    columns.push_back(*column);
  }
  info_columns_ = std::move(columns);
  autoreset_ = rows.autoreset;
  layout_ = BatchLayout({.rows = rows.rows,
                         .observation_size = rows.observation_size,
                         .info_columns = static_cast<int>(info_columns_.size()),
                         .has_finals = rows.autoreset == Autoreset::kSameStep,
                         .observations = rows.observations});
  spec_ = std::move(spec);
  return {};
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Detach(Deadline deadline) {
  auto called = Call(RequestFor(Operation::kDetach), {}, deadline);
  if (called) layout_ = BatchLayout(BatchShape{});
  return called;
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Reset(const ResetRequest& request,
                                                                     Deadline deadline) {
  Request reset = RequestFor(Operation::kReset);
  reset.starts = request.starts;
  return CheckSizes(request, num_rows())
      .and_then([&] {
        return Call(std::move(reset),
                    {std::as_bytes(request.mask), std::as_bytes(request.seeds),
                     std::as_bytes(request.snapshots)},
                    deadline);
      })
      .and_then([&] { return Batch(); });
}

RemoteVectorEnvironment::Arrays RemoteVectorEnvironment::StepArrays(
    std::span<const std::int32_t> rows, const ActionView& actions) const {
  return {spec_.action.kind == ActionKind::kDiscrete ? std::as_bytes(actions.discrete)
                                                     : std::as_bytes(actions.continuous),
          std::as_bytes(rows)};
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Step(const ActionView& actions,
                                                                    Deadline deadline) {
  return Step({}, actions, deadline);
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Step(
    std::span<const std::int32_t> rows, const ActionView& actions, Deadline deadline) {
  return Settle(deadline).and_then([&] { return SendStep(rows, actions, deadline); }).and_then([&] {
    return ReceiveStep(deadline);
  });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::SendStep(std::span<const std::int32_t> rows,
                                                              const ActionView& actions,
                                                              Deadline deadline) {
  if (in_flight_.size() >= static_cast<std::size_t>(hello_.window)) {
    return Refuse(Status::kBusy, std::to_string(hello_.window) + " requests are in flight already");
  }
  return CheckSizes(rows, actions, spec_.action, num_rows())
      .and_then([&] { return SettleIds(deadline); })
      .map([&] {
        PostNext(RequestFor(Operation::kStep), StepArrays(rows, actions))
            .rows.assign(rows.begin(), rows.end());
      });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::ReceiveStep(Deadline deadline) {
  while (!in_flight_.empty()) {
    const bool is_wanted = in_flight_.front().is_wanted_step();
    const auto answered = AwaitOldest(deadline);
    if (is_wanted) return answered.and_then([&] { return Batch(); });
    // The refusal of what was before it is nobody's here, unless it took the steps along.
    if (!answered && (IsUnanswered(answered.error()) || in_flight_.empty())) {
      return tl::make_unexpected(answered.error());
    }
  }
  return Refuse(Status::kBadArgument, "no step is in flight");
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Send(std::span<const std::int32_t> rows,
                                                          const ActionView& actions,
                                                          Deadline deadline) {
  return CheckSizes(rows, actions, spec_.action, num_rows()).and_then([&] {
    return Call(RequestFor(Operation::kSend), StepArrays(rows, actions), deadline);
  });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Recv(int count, Deadline deadline) {
  return CheckCount(count, num_rows())
      .and_then([&] {
        Request request = RequestFor(Operation::kRecv);
        request.count = count;
        return Call(std::move(request), {}, deadline);
      })
      .and_then([&] { return Batch(); });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Restore(
    std::span<const SnapshotId> snapshots, Deadline deadline) {
  return CheckSize("snapshots", snapshots.size(), num_rows(), false)
      .and_then([&] {
        return Call(RequestFor(Operation::kRestore), {std::as_bytes(snapshots)}, deadline);
      })
      .and_then([&] { return Batch(); });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Resume(Deadline deadline) {
  if (in_flight_.empty() || in_flight_.front().is_dropped ||
      !GivesBatch(in_flight_.front().request.operation)) {
    return Refuse(Status::kBadArgument, "no call that gives a batch is in flight");
  }
  return AwaitOldest(deadline).and_then([&] { return Batch(); });
}

tl::expected<std::vector<SnapshotId>, Refusal> RemoteVectorEnvironment::Save(
    std::span<const std::uint8_t> mask, Deadline deadline) {
  return CheckSize("mask", mask.size(), num_rows(), true)
      .and_then([&] { return Call(RequestFor(Operation::kSave), {std::as_bytes(mask)}, deadline); })
      .and_then([&] { return Ids(2, static_cast<std::size_t>(num_rows())); });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Branch(
    int row, std::span<const std::uint8_t> mask, Deadline deadline) {
  Request request = RequestFor(Operation::kBranch);
  request.row = row;
  return CheckRow(row, num_rows())
      .and_then([&] { return CheckSize("mask", mask.size(), num_rows(), true); })
      .and_then([&] { return Call(std::move(request), {std::as_bytes(mask)}, deadline); })
      .and_then([&] { return Batch(); });
}

tl::expected<std::vector<std::vector<std::byte>>, Refusal> RemoteVectorEnvironment::Export(
    std::span<const SnapshotId> snapshots, Deadline deadline) {
  if (auto called = Call(RequestFor(Operation::kExport), {std::as_bytes(snapshots)}, deadline);
      !called) {
    return tl::make_unexpected(called.error());
  }
  const std::size_t count = snapshots.size();
  if (received_.frames.size() != 3 || received_.frames[1].size() != count * sizeof(std::uint32_t)) {
    return BadReply("array 'sizes' has another size");
  }
  const std::span<const std::uint32_t> sizes = received_.Aligned<std::uint32_t>(1);
  std::span<const std::byte> rest = BytesOf(received_.frames[2]);
  std::vector<std::vector<std::byte>> states(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (sizes[i] > rest.size()) return BadReply("array 'bytes' is cut short");
    states[i].assign(rest.begin(), rest.begin() + sizes[i]);
    rest = rest.subspan(sizes[i]);
  }
  return states;
}

tl::expected<std::vector<SnapshotId>, Refusal> RemoteVectorEnvironment::Import(
    std::span<const std::vector<std::byte>> states, Deadline deadline) {
  std::vector<std::uint32_t> sizes;
  std::vector<std::byte> bytes;
  for (const std::vector<std::byte>& state : states) {
    sizes.push_back(static_cast<std::uint32_t>(state.size()));
    bytes.insert(bytes.end(), state.begin(), state.end());
  }
  return Call(RequestFor(Operation::kImport), {std::as_bytes(std::span(sizes)), bytes}, deadline)
      .and_then([&] { return Ids(1, states.size()); });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Drop(std::span<const SnapshotId> snapshots,
                                                          Deadline deadline) {
  return Call(RequestFor(Operation::kDrop), {std::as_bytes(snapshots)}, deadline);
}

tl::expected<std::vector<SnapshotId>, Refusal> RemoteVectorEnvironment::Ids(std::size_t num_arrays,
                                                                            std::size_t count) {
  if (received_.frames.size() != num_arrays + 1 ||
      received_.frames[1].size() != count * sizeof(SnapshotId)) {
    return BadReply("array 'ids' has another size");
  }
  std::vector<SnapshotId> ids(count);
  std::ranges::copy(received_.Aligned<SnapshotId>(1), ids.begin());
  return ids;
}

// ZeroMQ aligns large frames alone; the others are copied, which costs nothing at their size.
template <typename T>
std::span<const T> RemoteVectorEnvironment::Received::Aligned(std::size_t frame) {
  const zmq::message_t& message = frames[frame];
  const void* data = message.data();
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) {
    aligned[frame].resize(message.size() / sizeof(std::uint64_t) + 1);
    std::memcpy(aligned[frame].data(), data, message.size());
    data = aligned[frame].data();
  }
  return {static_cast<const T*>(data), message.size() / sizeof(T)};
}

std::span<const float> RemoteVectorEnvironment::Floats(const BatchShape& shape, BatchArray array,
                                                       std::span<const std::byte> sent) {
  if (!shape.is_half(array)) return As<float>(sent);
  const auto halves = As<std::uint16_t>(sent);
  std::vector<float>& floats = floats_[array == BatchArray::kObservations ? 0 : 1];
  floats.resize(halves.size());
  FromHalf(halves, floats);
  return floats;
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Batch() {
  std::swap(batch_, received_);  // what is received from now on leaves it alone
  const bool names_rows = answered_.request.operation == Operation::kRecv;
  const std::size_t first = names_rows ? 2 : 1;  // frame of the batch
  rows_ = std::move(answered_.rows);
  int n = rows_.empty() ? num_rows() : static_cast<int>(rows_.size());
  if (names_rows) {
    if (batch_.frames.size() < first) return BadReply("array 'rows' is missing");
    const auto rows = batch_.Aligned<std::int32_t>(1);
    rows_.assign(rows.begin(), rows.end());
    n = static_cast<int>(rows_.size());
    if (batch_.frames[1].size() != rows.size_bytes() || !CheckRows(rows_, num_rows())) {
      return BadReply("array 'rows' is not of rows");
    }
  }
  const BatchLayout layout = layout_.OfRows(n);
  const BatchShape& shape = layout.shape();
  if (batch_.frames.size() != first + (shape.has_finals ? 2 : 1)) {
    return BadReply("it has another number of arrays");
  }
  if (batch_.frames[first].size() != layout.SentBytes()) {
    return BadReply("array 'batch' has another size");
  }
  const std::span<const std::byte> sent = std::as_bytes(batch_.Aligned<float>(first));
  const auto array = [&](BatchArray which) {
    return sent.subspan(layout.SentOffset(which, 0), shape.SentBytes(which, 0));
  };
  ConstBatchView view{
      .observations = Floats(shape, BatchArray::kObservations, array(BatchArray::kObservations)),
      .rewards = As<float>(array(BatchArray::kRewards)),
      .terminated = As<std::uint8_t>(array(BatchArray::kTerminated)),
      .truncated = As<std::uint8_t>(array(BatchArray::kTruncated)),
      .status = As<std::uint8_t>(array(BatchArray::kStatus)),
      .info = array(BatchArray::kInfo),
      .final_rows = {},
      .final_observations = {},
      .final_info = {},
      .rows = rows_};
  return shape.has_finals ? AddFinals(layout, first + 1, view) : view;
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::AddFinals(const BatchLayout& layout,
                                                                         std::size_t frame,
                                                                         ConstBatchView view) {
  final_rows_.clear();
  const Operation operation = answered_.request.operation;
  const bool ends_episodes = operation == Operation::kStep || operation == Operation::kRecv;
  for (std::size_t i = 0; ends_episodes && i < view.status.size(); ++i) {
    if (view.terminated[i] == 0 && view.truncated[i] == 0) continue;
    final_rows_.push_back(view.rows.empty() ? static_cast<std::int32_t>(i) : view.rows[i]);
  }
  const BatchShape& shape = layout.shape();
  const int num_final = static_cast<int>(final_rows_.size());
  if (batch_.frames[frame].size() != layout.FinalsBytes(num_final)) {
    return BadReply("array 'finals' is not of " + std::to_string(num_final) + " rows");
  }
  const std::span<const std::byte> sent = std::as_bytes(batch_.Aligned<float>(frame));
  const auto array = [&](BatchArray which) {
    return sent.subspan(layout.SentOffset(which, num_final), shape.SentBytes(which, num_final));
  };
  view.final_rows = final_rows_;
  view.final_observations =
      Floats(shape, BatchArray::kFinalObservations, array(BatchArray::kFinalObservations));
  view.final_info = array(BatchArray::kFinalInfo);
  return view;
}

}  // namespace hotlap::transport
