#include "transport/client.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

// Ids of pings, which are not counted, so that no late answer to one is taken for a request's.
constexpr std::uint64_t kFirstPingId = std::uint64_t{1} << 63;
constexpr std::size_t kMaxReplyFrames = 16;
constexpr int kLingerMs = 100;  // for the goodbye
constexpr std::chrono::milliseconds kMinKeepAlive{10}, kMaxKeepAlive{1000};

tl::unexpected<Refusal> BadReply(const std::string& text) {
  return Refuse(Status::kInvalidPacket, "the server's reply: " + text);
}

// In their order, each at most once.
bool AreRows(std::span<const std::int32_t> rows, int num_rows) {
  std::int32_t next = 0;
  for (const std::int32_t row : rows) {
    if (row < next || row >= num_rows) return false;
    next = row + 1;
  }
  return true;
}

Request Make(Operation operation) {
  Request request;
  request.operation = operation;
  return request;
}

}  // namespace

RemoteVectorEnvironment::RemoteVectorEnvironment(const ConnectOptions& options)
    : options_(options),
      own_context_(options.context == nullptr ? std::make_unique<zmq::context_t>() : nullptr),
      socket_(options.context == nullptr ? *own_context_ : *options.context,
              zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::linger, kLingerMs);
}

tl::expected<std::unique_ptr<RemoteVectorEnvironment>, Refusal> RemoteVectorEnvironment::Connect(
    const ConnectOptions& options, Deadline deadline) {
  std::unique_ptr<RemoteVectorEnvironment> remote(new RemoteVectorEnvironment(options));
  try {
    Uninterrupted([&] { remote->socket_.connect(options.endpoint); });
  } catch (const zmq::error_t& error) {
    return Refuse(Status::kBadArgument, options.endpoint + ": " + error.what());
  }
  Request hello = Make(Operation::kHello);
  hello.key = RandomToken();
  hello.environment = options.environment;
  hello.policy_hash = options.policy_hash;
  hello.task_hash = options.task_hash;
  remote->Compose(hello, {});
  remote->Send();
  if (auto answered = remote->Await(deadline); !answered) {
    return tl::make_unexpected(answered.error());
  }
  auto reply = DecodeHelloReply(BytesOf(remote->received_[0]));
  if (!reply) return BadReply(reply.error());
  remote->hello_ = *std::move(reply);
  const auto interval =
      std::clamp(std::chrono::milliseconds(remote->hello_.session_timeout_ms) / 10, kMinKeepAlive,
                 kMaxKeepAlive);
  remote->keep_alive_ = std::make_unique<KeepAlive>(
      options.context == nullptr ? *remote->own_context_ : *options.context, options.endpoint,
      remote->hello_.token, interval);
  return remote;
}

RemoteVectorEnvironment::~RemoteVectorEnvironment() {
  if (keep_alive_ == nullptr) return;
  keep_alive_.reset();
  Request goodbye = Make(Operation::kDetach);
  goodbye.close = true;
  goodbye.token = hello_.token;
  goodbye.id = ++last_id_;
  Compose(goodbye, {});
  Send();
}

void RemoteVectorEnvironment::Compose(const Request& request, const Arrays& arrays) {
  sent_.clear();
  const std::string header = EncodeRequest(request);
  sent_.emplace_back(header.data(), header.size());
  for (int i = 0; i < NumRequestArrays(request.operation); ++i) {
    const std::span<const std::byte> array = arrays[static_cast<std::size_t>(i)];
    sent_.emplace_back(array.data(), array.size());
  }
  sent_id_ = request.id;
  num_copies_ = 0;
  is_answered_ = false;
}

void RemoteVectorEnvironment::Send() {
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    zmq::message_t frame;
    frame.copy(sent_[i]);
    // Without a peer the queue may be full: then this was sent often enough.
    if (!SendFrame(socket_, std::move(frame), i + 1 < sent_.size())) return;
  }
  ++num_copies_;
}

bool RemoteVectorEnvironment::Receive(Deadline until) {
  zmq::message_t frame;
  if (!ReceiveFrame(socket_, frame)) {
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    Poll({&item, 1}, until);
    if (!ReceiveFrame(socket_, frame)) return false;
  }
  received_.clear();
  bool more = frame.more();
  received_.push_back(std::move(frame));
  while (more) {
    zmq::message_t next;
    if (!ReceiveFrame(socket_, next)) return false;
    more = next.more();
    if (received_.size() < kMaxReplyFrames) received_.push_back(std::move(next));
  }
  return true;
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Await(Deadline deadline) {
  Deadline next_send = Clock::now() + options_.retry_interval;
  while (true) {
    if (Receive(std::min(deadline, next_send))) {
      if (received_[0].size() > kMaxReplyHeaderBytes) return BadReply("its header is too long");
      const auto reply = DecodeReplyStatus(BytesOf(received_[0]));
      if (!reply) return BadReply(reply.error());
      const bool is_unreadable = reply->id == 0 && reply->status != Status::kOk;
      if (reply->id != sent_id_ && !is_unreadable) continue;  // a repeat of an earlier one
      is_answered_ = true;
      if (reply->status == Status::kOk) return {};
      if (sent_id_ == last_id_ && sent_id_ > 0 && !UsesUpId(reply->status)) {
        --last_id_;
        must_settle_ = num_copies_ > 1;
      }
      return Refuse(reply->status, reply->error);
    }
    const Deadline now = Clock::now();
    if (now >= deadline) {
      return Refuse(Status::kTimedOut, "no reply from " + options_.endpoint + " in time");
    }
    if (now >= next_send) {
      Send();
      next_send = now + options_.retry_interval;
    }
  }
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Settle(Deadline deadline) {
  if (!is_answered_) {
    auto earlier = Await(deadline);
    if (!earlier && earlier.error().status == Status::kTimedOut) return earlier;
  }
  if (!must_settle_) return {};
  must_settle_ = false;
  SendPing();
  auto pong = Await(deadline);
  if (!pong && pong.error().status == Status::kTimedOut) return pong;
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
  if (auto settled = Settle(deadline); !settled) return settled;
  request.token = hello_.token;
  request.id = ++last_id_;
  Compose(request, arrays);
  Send();
  return Await(deadline);
}

void RemoteVectorEnvironment::SendPing() {
  Request ping = Make(Operation::kPing);
  ping.token = hello_.token;
  ping.id = kFirstPingId + num_pings_++;
  Compose(ping, {});
  Send();
}

tl::expected<std::chrono::nanoseconds, Refusal> RemoteVectorEnvironment::Ping(Deadline deadline) {
  if (auto settled = Settle(deadline); !settled) return tl::make_unexpected(settled.error());
  const Deadline begin = Clock::now();
  SendPing();
  if (auto answered = Await(deadline); !answered) return tl::make_unexpected(answered.error());
  return Clock::now() - begin;
}

tl::expected<EnvironmentSpec, Refusal> RemoteVectorEnvironment::Spec(const std::string& environment,
                                                                     Deadline deadline) {
  Request request = Make(Operation::kSpec);
  request.environment = environment;
  if (auto called = Call(std::move(request), {}, deadline); !called) {
    return tl::make_unexpected(called.error());
  }
  auto spec = DecodeSpecReply(BytesOf(received_[0]));
  if (!spec) return BadReply(spec.error());
  return *std::move(spec);
}

tl::expected<AttachReply, Refusal> RemoteVectorEnvironment::Attach(const AttachOptions& options,
                                                                   Deadline deadline) {
  if (auto good = CheckSize("seeds", options.seeds.size(), options.rows, true); !good) {
    return tl::make_unexpected(good.error());
  }
  auto spec = Spec(options.environment, deadline);
  if (!spec) return tl::make_unexpected(spec.error());
  Request request = Make(Operation::kAttach);
  request.environment = options.environment;
  request.policy_hash = spec->policy_hash;
  request.rows = options.rows;
  request.tracks = options.tracks;
  request.kind = options.kind;
  request.autoreset = options.autoreset;
  request.info = options.info;
  request.keep_every_m = options.keep_every_m;
  request.starts = options.starts;
  if (auto called = Call(std::move(request), {std::as_bytes(std::span(options.seeds))}, deadline);
      !called) {
    return tl::make_unexpected(called.error());
  }
  auto reply = DecodeAttachReply(BytesOf(received_[0]));
  if (!reply) return BadReply(reply.error());
  if (reply->rows != options.rows || reply->observation_size != spec->observation_size()) {
    return BadReply("its sizes are not those that were asked for");
  }
  info_columns_.clear();
  for (const std::string& name : reply->info) {
    const auto column = std::find_if(spec->info.begin(), spec->info.end(),
                                     [&](const InfoColumn& c) { return c.name == name; });
    if (column == spec->info.end()) return BadReply("column '" + name + "' is not in the spec");
    info_columns_.push_back(*column);
  }
  autoreset_ = options.autoreset;
  layout_ = BatchLayout({.rows = reply->rows,
                         .observation_size = reply->observation_size,
                         .info_columns = static_cast<int>(info_columns_.size()),
                         .has_finals = options.autoreset == Autoreset::kSameStep});
  spec_ = *std::move(spec);
  return *std::move(reply);
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Detach(Deadline deadline) {
  auto called = Call(Make(Operation::kDetach), {}, deadline);
  if (called) layout_ = BatchLayout(BatchShape{});
  return called;
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Reset(const ResetRequest& request,
                                                                     Deadline deadline) {
  Request reset = Make(Operation::kReset);
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

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Step(const ActionView& actions,
                                                                    Deadline deadline) {
  const std::span<const std::byte> bytes = spec_.action.kind == ActionKind::kDiscrete
                                               ? std::as_bytes(actions.discrete)
                                               : std::as_bytes(actions.continuous);
  return CheckSizes(actions, spec_.action, num_rows())
      .and_then([&] { return Call(Make(Operation::kStep), {bytes}, deadline); })
      .and_then([&] { return Batch(); });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Restore(
    std::span<const SnapshotId> snapshots, Deadline deadline) {
  return CheckSize("snapshots", snapshots.size(), num_rows(), false)
      .and_then(
          [&] { return Call(Make(Operation::kRestore), {std::as_bytes(snapshots)}, deadline); })
      .and_then([&] { return Batch(); });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Resume(Deadline deadline) {
  if (is_answered_) return Refuse(Status::kBadArgument, "no call has timed out");
  return Await(deadline).and_then([&] { return Batch(); });
}

tl::expected<std::vector<SnapshotId>, Refusal> RemoteVectorEnvironment::Save(
    std::span<const std::uint8_t> mask, Deadline deadline) {
  return CheckSize("mask", mask.size(), num_rows(), true)
      .and_then([&] { return Call(Make(Operation::kSave), {std::as_bytes(mask)}, deadline); })
      .and_then([&] { return Ids(2, static_cast<std::size_t>(num_rows())); });
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Branch(
    int row, std::span<const std::uint8_t> mask, Deadline deadline) {
  Request request = Make(Operation::kBranch);
  request.row = row;
  return CheckRow(row, num_rows())
      .and_then([&] { return CheckSize("mask", mask.size(), num_rows(), true); })
      .and_then([&] { return Call(std::move(request), {std::as_bytes(mask)}, deadline); })
      .and_then([&] { return Batch(); });
}

tl::expected<std::vector<std::vector<std::byte>>, Refusal> RemoteVectorEnvironment::Export(
    std::span<const SnapshotId> snapshots, Deadline deadline) {
  if (auto called = Call(Make(Operation::kExport), {std::as_bytes(snapshots)}, deadline); !called) {
    return tl::make_unexpected(called.error());
  }
  const std::size_t count = snapshots.size();
  if (received_.size() != 3 || received_[1].size() != count * sizeof(std::uint32_t)) {
    return BadReply("array 'sizes' has another size");
  }
  const std::span<const std::uint32_t> sizes = Aligned<std::uint32_t>(1);
  std::span<const std::byte> rest = BytesOf(received_[2]);
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
  return Call(Make(Operation::kImport), {std::as_bytes(std::span(sizes)), bytes}, deadline)
      .and_then([&] { return Ids(1, states.size()); });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Drop(std::span<const SnapshotId> snapshots,
                                                          Deadline deadline) {
  return Call(Make(Operation::kDrop), {std::as_bytes(snapshots)}, deadline);
}

tl::expected<std::vector<SnapshotId>, Refusal> RemoteVectorEnvironment::Ids(std::size_t num_arrays,
                                                                            std::size_t count) {
  if (received_.size() != num_arrays + 1 || received_[1].size() != count * sizeof(SnapshotId)) {
    return BadReply("array 'ids' has another size");
  }
  std::vector<SnapshotId> ids(count);
  std::ranges::copy(Aligned<SnapshotId>(1), ids.begin());
  return ids;
}

// ZeroMQ aligns large frames alone; the others are copied, which costs nothing at their size.
template <typename T>
std::span<const T> RemoteVectorEnvironment::Aligned(std::size_t frame) {
  const zmq::message_t& message = received_[frame];
  const void* data = message.data();
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) {
    aligned_[frame].resize(message.size() / sizeof(std::uint64_t) + 1);
    std::memcpy(aligned_[frame].data(), data, message.size());
    data = aligned_[frame].data();
  }
  return {static_cast<const T*>(data), message.size() / sizeof(T)};
}

tl::expected<ConstBatchView, Refusal> RemoteVectorEnvironment::Batch() {
  const BatchShape& shape = layout_.shape();
  const std::size_t num_arrays = static_cast<std::size_t>(shape.num_arrays());
  if (received_.size() != num_arrays + 1) return BadReply("it has another number of arrays");
  const auto frame_of = [](BatchArray array) { return static_cast<std::size_t>(array) + 1; };
  const int num_final =
      shape.has_finals
          ? static_cast<int>(std::min(received_[frame_of(BatchArray::kFinalRows)].size() / 4,
                                      static_cast<std::size_t>(shape.rows)))
          : 0;
  for (std::size_t a = 0; a < num_arrays; ++a) {
    if (received_[a + 1].size() != shape.ArrayBytes(static_cast<BatchArray>(a), num_final)) {
      return BadReply("array " + std::to_string(a) + " has another size");
    }
  }
  ConstBatchView view{.observations = Aligned<float>(frame_of(BatchArray::kObservations)),
                      .rewards = Aligned<float>(frame_of(BatchArray::kRewards)),
                      .terminated = Aligned<std::uint8_t>(frame_of(BatchArray::kTerminated)),
                      .truncated = Aligned<std::uint8_t>(frame_of(BatchArray::kTruncated)),
                      .status = Aligned<std::uint8_t>(frame_of(BatchArray::kStatus)),
                      .info = std::as_bytes(Aligned<std::int32_t>(frame_of(BatchArray::kInfo))),
                      .final_rows = {},
                      .final_observations = {},
                      .final_info = {}};
  if (shape.has_finals) {
    view.final_rows = Aligned<std::int32_t>(frame_of(BatchArray::kFinalRows));
    if (!AreRows(view.final_rows, shape.rows)) {
      return BadReply("array 'final_rows' is not of ascending rows");
    }
    view.final_observations = Aligned<float>(frame_of(BatchArray::kFinalObservations));
    view.final_info = std::as_bytes(Aligned<std::int32_t>(frame_of(BatchArray::kFinalInfo)));
  }
  return view;
}

}  // namespace hotlap::transport
