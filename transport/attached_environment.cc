#include "transport/attached_environment.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

#include "transport/learner_environment.h"
#include "transport/row_snapshots.h"
#include "transport/row_steps.h"

namespace hotlap::transport {
namespace {

constexpr int kRowsWorthThreads = 64;  // fewer are stepped by one
constexpr double kUnmeasuredRowUs = 2.5;
constexpr double kSmoothing = 0.2;

// Copies a request's array to aligned memory. `count` elements, or none when it is optional.
template <typename T>
tl::expected<std::span<const T>, Refusal> ReadArray(const Work& work, std::size_t index,
                                                    const char* name, std::size_t count,
                                                    bool optional, std::vector<T>& memory) {
  const zmq::message_t& array = work.arrays[index];
  if (optional && array.size() == 0) return std::span<const T>();
  if (array.size() != count * sizeof(T)) {
    return Refuse(Status::kBadArgument, "array '" + std::string(name) + "' has " +
                                            std::to_string(array.size()) + " bytes, must have " +
                                            std::to_string(count * sizeof(T)) +
                                            (optional ? " or none" : ""));
  }
  memory.resize(count);
  std::memcpy(memory.data(), array.data(), array.size());
  return std::span<const T>(memory);
}

// Likewise, as many elements as there are.
template <typename T>
tl::expected<std::span<const T>, Refusal> ReadList(const Work& work, std::size_t index,
                                                   const char* name, std::vector<T>& memory) {
  const zmq::message_t& array = work.arrays[index];
  if (array.size() % sizeof(T) != 0) {
    return Refuse(Status::kBadArgument,
                  "array '" + std::string(name) + "' has " + std::to_string(array.size()) +
                      " bytes, must have a multiple of " + std::to_string(sizeof(T)));
  }
  return ReadArray(work, index, name, array.size() / sizeof(T), false, memory);
}

tl::expected<void, Refusal> CheckMask(std::span<const std::uint8_t> mask) {
  for (std::size_t row = 0; row < mask.size(); ++row) {
    if (mask[row] > 1) {
      return Refuse(Status::kBadArgument, "array 'mask' is " + std::to_string(mask[row]) +
                                              " at row " + std::to_string(row) +
                                              ", must be 0 or 1");
    }
  }
  return {};
}

}  // namespace

AttachedEnvironment::AttachedEnvironment(GameLoan games, std::uint64_t owner,
                                         const AttachContext& context,
                                         std::shared_ptr<RowWatch> watch)
    : games_(std::move(games)),
      layout_(BatchShape{}),
      owner_(owner),
      snapshots_(context.snapshots),
      transfer_bytes_(context.transfer_bytes),
      watch_(std::move(watch)) {}

AttachedEnvironment::~AttachedEnvironment() { watch_->Return(); }

tl::expected<std::unique_ptr<AttachedEnvironment>, Refusal> AttachedEnvironment::Attach(
    const Work& work, std::uint64_t owner, const AttachContext& context,
    std::shared_ptr<RowWatch> watch) {
  const Request& request = work.request;
  if (request.rows > context.max_rows) {
    return Refuse(Status::kBadArgument, "field 'rows' is " + std::to_string(request.rows) +
                                            ", must be at most " +
                                            std::to_string(context.max_rows));
  }
  if (auto good = CheckStarts(request.starts, request.keep_every_m > 0); !good) {
    return tl::make_unexpected(good.error());
  }
  const std::size_t n = static_cast<std::size_t>(request.rows);
  std::vector<std::uint64_t> seed_memory;
  const auto seeds = ReadArray(work, 0, "seeds", n, true, seed_memory);
  if (!seeds) return tl::make_unexpected(seeds.error());
  const auto offered = context.catalogue.Offer(request.environment, request.settings);
  if (!offered) return tl::make_unexpected(offered.error());
  const EnvironmentSpec& spec = offered->spec;
  auto warning = CompareHashes(request, spec);
  if (!warning) return tl::make_unexpected(warning.error());

  std::vector<std::shared_ptr<const OfferedTrack>> offered_tracks;
  for (const std::string& name : request.tracks) {
    const auto track = context.catalogue.FindTrack(name);
    if (!track) return tl::make_unexpected(track.error());
    offered_tracks.push_back(*track);
  }
  std::vector<std::shared_ptr<const OfferedTrack>> tracks(n);
  std::vector<RowConfig> rows(n);
  for (std::size_t row = 0; row < n; ++row) {
    tracks[row] = offered_tracks[row % offered_tracks.size()];
    rows[row].centreline = tracks[row]->centreline;
    rows[row].track_hash = tracks[row]->track->hash();
    rows[row].seed = seeds->empty() ? row : (*seeds)[row];
  }

  auto loan = context.games.Lend(request.kind, request.rows, work.place ? &*work.place : nullptr);
  if (!loan) return tl::make_unexpected(loan.error());
  std::unique_ptr<AttachedEnvironment> attached(
      new AttachedEnvironment(*std::move(loan), owner, context, std::move(watch)));
  for (std::size_t row = static_cast<std::size_t>(attached->games_.num_simulated()); row < n;
       ++row) {
    if (!tracks[row]->file.empty()) continue;
    return Refuse(Status::kBadArgument, "field 'tracks' has " + Quoted(tracks[row]->name) +
                                            ", which games behind mapped buffers do not have");
  }
  auto groups = attached->games_.MakeGroups(tracks, context.catalogue.vehicle(),
                                            [owner, on_replaced = context.on_replaced](int row) {
                                              if (on_replaced) on_replaced(owner, row);
                                            });
  VectorEnvironmentConfig config;
  config.environment = offered->config;
  config.autoreset = request.autoreset;
  config.info_columns = request.info;
  config.archive = {request.keep_every_m, context.kept_bytes};
  config.starts = request.starts.value_or(Starts{});
  if (request.rows >= kRowsWorthThreads) config.workers = context.workers;
  try {
    attached->environment_ =
        std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(rows));
  } catch (const std::invalid_argument& error) {
    return Refuse(Status::kBadArgument, error.what());
  }
  const VectorEnvironment& environment = *attached->environment_;
  attached->layout_ =
      BatchLayout({.rows = request.rows,
                   .observation_size = spec.observation_size(),
                   .info_columns = static_cast<int>(environment.info_columns().size()),
                   .has_finals = request.autoreset == Autoreset::kSameStep,
                   .observations = request.observations});
  attached->ring_ = std::make_unique<ReplyRing>(context.window, attached->layout_.total_bytes());
  attached->name_ = request.environment;
  attached->settings_ = request.settings;
  attached->warning_ = *std::move(warning);
  const std::span<const int> games = attached->games_.games();
  attached->watch_->Lease(
      {std::move(tracks), attached->games_.num_simulated(), {games.begin(), games.end()}},
      Clock::now());
  return attached;
}

AttachReply AttachedEnvironment::Describe() const {
  AttachReply reply;
  reply.environment = name_;
  reply.settings = settings_;
  reply.rows = layout_.shape().rows;
  reply.observation_size = layout_.shape().observation_size;
  reply.autoreset = environment_->autoreset();
  reply.observations = layout_.shape().observations;
  for (const InfoColumn& column : environment_->info_columns()) {
    reply.info.push_back(column.name);
    reply.info_types.push_back(column.type);
  }
  reply.policy_hash = environment_->spec().policy_hash;
  reply.task_hash = environment_->spec().task_hash;
  if (games_.num_simulated() > 0) {
    reply.kinds.push_back(GameKindName(GameKind::kSimulated));
    reply.kind_rows.push_back(static_cast<std::uint64_t>(games_.num_simulated()));
  }
  if (games_.num_behind_buffers() > 0) {
    reply.kinds.push_back(GameKindName(GameKind::kTMInterface));
    reply.kind_rows.push_back(static_cast<std::uint64_t>(games_.num_behind_buffers()));
  }
  reply.warning = warning_;
  return reply;
}

int AttachedEnvironment::NumRows(const Work& work) const {
  const int n = layout_.shape().rows;
  switch (work.request.operation) {
    case Operation::kStep:
    case Operation::kSend: {
      const std::size_t named = work.arrays[1].size() / sizeof(std::int32_t);
      return named == 0 ? n : static_cast<int>(std::min(named, static_cast<std::size_t>(n)));
    }
    case Operation::kRecv:
      return std::max(1, environment_->num_under_way());
    default:
      return n;
  }
}

double AttachedEnvironment::EstimateUs(const Work& work) const {
  const double measured = cost_us_[static_cast<std::size_t>(work.request.operation)];
  return (measured > 0 ? measured : kUnmeasuredRowUs) * NumRows(work);
}

Reply AttachedEnvironment::Run(const Work& work) {
  const int num_rows = NumRows(work);
  const Deadline begin = Clock::now();
  tl::expected<Reply, Refusal> reply;
  switch (work.request.operation) {
    case Operation::kReset:
      reply = Reset(work);
      break;
    case Operation::kStep:
      reply = Step(work);
      break;
    case Operation::kSend:
      reply = Send(work);
      break;
    case Operation::kRecv:
      reply = Recv(work);
      break;
    case Operation::kSave:
      reply = Save(work);
      break;
    case Operation::kRestore:
      reply = Restore(work);
      break;
    case Operation::kBranch:
      reply = Branch(work);
      break;
    case Operation::kExport:
      reply = Export(work);
      break;
    case Operation::kImport:
      reply = Import(work);
      break;
    case Operation::kDrop:
      reply = Drop(work);
      break;
    default:
      reply = Refuse(Status::kUnknownError, "not an operation on environments");
  }
  if (!reply) {
    return Reply::Of(work.request.id, reply.error());
  }
  const double us =
      std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / num_rows;
  double& cost = cost_us_[static_cast<std::size_t>(work.request.operation)];
  cost = cost > 0 ? cost + kSmoothing * (us - cost) : us;
  is_shown_ = false;
  if (watch_->is_watched()) Show();
  return *std::move(reply);
}

void AttachedEnvironment::Show() {
  if (is_shown_) return;
  const auto ticks_per_step = static_cast<std::uint64_t>(environment_->spec().ticks_per_step);
  watch_->Show(*environment_, steps_ * ticks_per_step, Clock::now());
  is_shown_ = true;
}

std::uint64_t AttachedEnvironment::TakeSteps() {
  return steps_ - std::exchange(taken_steps_, steps_);
}

void AttachedEnvironment::CountSteps(const BatchView& batch) {
  steps_ += static_cast<std::uint64_t>(
      std::ranges::count(batch.status, static_cast<std::uint8_t>(RowStatus::kOk)));
}

tl::expected<Reply, Refusal> AttachedEnvironment::Reset(const Work& work) {
  const std::size_t n = static_cast<std::size_t>(layout_.shape().rows);
  const auto mask = ReadArray(work, 0, "mask", n, true, mask_);
  if (!mask) return tl::make_unexpected(mask.error());
  if (auto good = CheckMask(*mask); !good) return tl::make_unexpected(good.error());
  const auto seeds = ReadArray(work, 1, "seeds", n, true, seeds_);
  if (!seeds) return tl::make_unexpected(seeds.error());
  const auto ids = ReadArray(work, 2, "snapshots", n, true, snapshot_ids_);
  if (!ids) return tl::make_unexpected(ids.error());

  ReplyBuffer& buffer = ring_->Next();
  const BatchView view = layout_.View(buffer.data());
  const ResetOptions options{
      .mask = *mask, .seeds = *seeds, .snapshots = {}, .starts = work.request.starts};
  return ResetRows(*environment_, options, *ids, snapshots_, owner_, view).map([&] {
    FinishBatch(layout_.shape(), 0, view);
    return MakeBatchReply(work, layout_, 0, buffer);
  });
}

tl::expected<std::span<const std::int32_t>, Refusal> AttachedEnvironment::ReadRows(
    const Work& work) {
  const std::size_t n = static_cast<std::size_t>(layout_.shape().rows);
  const std::size_t bytes = work.arrays[1].size();
  if (bytes % sizeof(std::int32_t) != 0 || bytes > n * sizeof(std::int32_t)) {
    return Refuse(Status::kBadArgument, "array 'rows' has " + std::to_string(bytes) +
                                            " bytes, must have 4 for each of at most " +
                                            std::to_string(n) + " rows");
  }
  return ReadArray(work, 1, "rows", bytes / sizeof(std::int32_t), true, rows_);
}

tl::expected<AttachedEnvironment::RowActions, Refusal> AttachedEnvironment::ReadRowActions(
    const Work& work) {
  const auto rows = ReadRows(work);
  if (!rows) return tl::make_unexpected(rows.error());
  const ActionSpec& spec = environment_->spec().action;
  const std::size_t m = static_cast<std::size_t>(NumRows(work));
  RowActions asked{.rows = *rows, .actions = {}};
  if (spec.kind == ActionKind::kDiscrete) {
    const auto read = ReadArray(work, 0, "actions", m, false, discrete_);
    if (!read) return tl::make_unexpected(read.error());
    asked.actions.discrete = *read;
  } else {
    const auto read = ReadArray(work, 0, "actions", m * static_cast<std::size_t>(spec.size()),
                                false, continuous_);
    if (!read) return tl::make_unexpected(read.error());
    asked.actions.continuous = *read;
  }
  return asked;
}

tl::expected<Reply, Refusal> AttachedEnvironment::Step(const Work& work) {
  const auto asked = ReadRowActions(work);
  if (!asked) return tl::make_unexpected(asked.error());
  const BatchLayout layout = layout_.OfRows(NumRows(work));
  ReplyBuffer& buffer = ring_->Next();
  const BatchView view = layout.View(buffer.data());
  return StepRows(*environment_, asked->rows, asked->actions, view).map([&](BatchResult result) {
    CountSteps(view);
    FinishBatch(layout.shape(), result.num_final, view);
    return MakeBatchReply(work, layout, result.num_final, buffer);
  });
}

tl::expected<Reply, Refusal> AttachedEnvironment::Send(const Work& work) {
  const auto asked = ReadRowActions(work);
  if (!asked) return tl::make_unexpected(asked.error());
  return SendRows(*environment_, asked->rows, asked->actions).map([&] {
    return Reply::Of(work.request.id, {Status::kOk, {}});
  });
}

tl::expected<Reply, Refusal> AttachedEnvironment::Recv(const Work& work) {
  const int count = work.request.count;
  if (count > layout_.shape().rows) {
    return Refuse(Status::kBadArgument, "field 'count' is " + std::to_string(count) +
                                            ", must be at most " +
                                            std::to_string(layout_.shape().rows));
  }
  const int num_rows = std::min(count, environment_->num_under_way());
  const BatchLayout layout = layout_.OfRows(num_rows);
  ReplyBuffer& buffer = ring_->Next();
  const BatchView view = layout.View(buffer.data());
  rows_.resize(static_cast<std::size_t>(num_rows));
  const int num_final = environment_->Recv(rows_, kNoDeadline, view).num_final;
  CountSteps(view);
  FinishBatch(layout.shape(), num_final, view);
  return MakeBatchReply(work, layout, num_final, buffer);
}

tl::expected<Reply, Refusal> AttachedEnvironment::Save(const Work& work) {
  const std::size_t n = static_cast<std::size_t>(layout_.shape().rows);
  const auto mask = ReadArray(work, 0, "mask", n, true, mask_);
  if (!mask) return tl::make_unexpected(mask.error());
  if (auto good = CheckMask(*mask); !good) return tl::make_unexpected(good.error());
  const SavedRows saved = SaveRows(*environment_, *mask, snapshots_, owner_);
  Reply reply = Reply::Of(work.request.id, {Status::kOk, {}});
  reply.frames.emplace_back(saved.ids.data(), n * sizeof(std::uint64_t));
  reply.frames.emplace_back(saved.status.data(), n);
  return reply;
}

tl::expected<Reply, Refusal> AttachedEnvironment::Restore(const Work& work) {
  const std::size_t n = static_cast<std::size_t>(layout_.shape().rows);
  const auto ids = ReadArray(work, 0, "snapshots", n, false, snapshot_ids_);
  if (!ids) return tl::make_unexpected(ids.error());
  ReplyBuffer& buffer = ring_->Next();
  const BatchView view = layout_.View(buffer.data());
  return RestoreRows(*environment_, *ids, snapshots_, owner_, view).map([&] {
    FinishBatch(layout_.shape(), 0, view);
    return MakeBatchReply(work, layout_, 0, buffer);
  });
}

tl::expected<Reply, Refusal> AttachedEnvironment::Branch(const Work& work) {
  const std::size_t n = static_cast<std::size_t>(layout_.shape().rows);
  if (auto good = CheckRow(work.request.row, layout_.shape().rows); !good) {
    return tl::make_unexpected(good.error());
  }
  const auto mask = ReadArray(work, 0, "mask", n, true, mask_);
  if (!mask) return tl::make_unexpected(mask.error());
  if (auto good = CheckMask(*mask); !good) return tl::make_unexpected(good.error());
  ReplyBuffer& buffer = ring_->Next();
  const BatchView view = layout_.View(buffer.data());
  environment_->Branch(work.request.row, *mask, view);
  FinishBatch(layout_.shape(), 0, view);
  return MakeBatchReply(work, layout_, 0, buffer);
}

tl::expected<Reply, Refusal> AttachedEnvironment::Export(const Work& work) {
  const auto ids = ReadList(work, 0, "snapshots", snapshot_ids_);
  if (!ids) return tl::make_unexpected(ids.error());
  const auto held = FindSnapshots(snapshots_, owner_, *ids);
  if (!held) return tl::make_unexpected(held.error());
  std::vector<std::uint32_t> sizes(held->size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if ((*held)[i] == nullptr) continue;
    sizes[i] = static_cast<std::uint32_t>((*held)[i]->size());
    total += sizes[i];
  }
  if (total > transfer_bytes_) {
    return Refuse(Status::kBadArgument, "array 'snapshots' names " + std::to_string(total) +
                                            " bytes of states, one export has at most " +
                                            std::to_string(transfer_bytes_));
  }
  zmq::message_t bytes(total);
  auto* out = bytes.data<std::byte>();
  for (const SnapshotStore::Bytes& state : *held) {
    if (state != nullptr) out = std::ranges::copy(*state, out).out;
  }
  Reply reply = Reply::Of(work.request.id, {Status::kOk, {}});
  reply.frames.emplace_back(sizes.data(), sizes.size() * sizeof(std::uint32_t));
  reply.frames.push_back(std::move(bytes));
  return reply;
}

tl::expected<Reply, Refusal> AttachedEnvironment::Import(const Work& work) {
  const auto sizes = ReadList(work, 0, "sizes", sizes_);
  if (!sizes) return tl::make_unexpected(sizes.error());
  const std::span<const std::byte> bytes{work.arrays[1].data<std::byte>(), work.arrays[1].size()};
  std::uint64_t total = 0;
  for (const std::uint32_t size : *sizes) total += size;
  if (total != bytes.size() || total > transfer_bytes_) {
    return Refuse(Status::kBadArgument, "array 'bytes' has " + std::to_string(bytes.size()) +
                                            " bytes, must have as many as 'sizes' says, " +
                                            std::to_string(total) + ", and at most " +
                                            std::to_string(transfer_bytes_));
  }
  std::vector<std::span<const std::byte>> states;
  states.reserve(sizes->size());
  std::size_t begin = 0;
  for (const std::uint32_t size : *sizes) {
    states.push_back(bytes.subspan(begin, size));
    begin += size;
  }
  return ImportSnapshots(*environment_, states, snapshots_, owner_).map([&](const auto& ids) {
    Reply reply = Reply::Of(work.request.id, {Status::kOk, {}});
    reply.frames.emplace_back(ids.data(), ids.size() * sizeof(std::uint64_t));
    return reply;
  });
}

tl::expected<Reply, Refusal> AttachedEnvironment::Drop(const Work& work) {
  const auto ids = ReadList(work, 0, "snapshots", snapshot_ids_);
  if (!ids) return tl::make_unexpected(ids.error());
  return DropSnapshots(snapshots_, owner_, *ids).map([&] {
    return Reply::Of(work.request.id, {Status::kOk, {}});
  });
}

Reply AttachedEnvironment::MakeBatchReply(const Work& work, const BatchLayout& layout,
                                          int num_final, ReplyBuffer& buffer) const {
  const std::string header = EncodeReply({work.request.id, Status::kOk, {}});
  Reply reply;
  reply.frames.reserve(4);
  reply.frames.emplace_back(header.data(), header.size());
  if (work.request.operation == Operation::kRecv) {
    reply.frames.emplace_back(rows_.data(), rows_.size() * sizeof(std::int32_t));
  }
  const std::span<std::byte> batch = layout.Sent(buffer.data());
  reply.frames.push_back(buffer.Message(batch.data(), batch.size()));
  if (layout.shape().has_finals) {
    zmq::message_t& finals = reply.frames.emplace_back(layout.FinalsBytes(num_final));
    layout.PackFinals(buffer.data(), num_final, finals.data<std::byte>());
  }
  return reply;
}

}  // namespace hotlap::transport
