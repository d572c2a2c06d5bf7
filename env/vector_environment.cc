#include "env/vector_environment.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "env/group_runner.h"
#include "env/sim/floating_point_guard.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/worker_pool.h"

namespace hotlap {
namespace {

constexpr std::size_t kRowsPerJob = 16;  // that a thread writes at a time

std::size_t Size(int n) { return static_cast<std::size_t>(n); }

std::string Names(const std::vector<InfoColumn>& columns) {
  std::string names;
  for (const InfoColumn& column : columns) {
    if (!names.empty()) names += ", ";
    names += column.name;
  }
  return names;
}

// Default: all but the rewards of each step.
std::vector<std::size_t> ChooseInfo(const EnvironmentSpec& spec,
                                    const std::vector<std::string>& names) {
  assert(spec.info.size() == kNumInfoColumns);
  std::vector<std::size_t> chosen;
  if (names.empty()) {
    for (std::size_t i = 0; i < kNumInfoColumns - kNumRewardTerms; ++i) chosen.push_back(i);
  }
  for (const std::string& name : names) {
    const auto found = std::ranges::find(spec.info, name, &InfoColumn::name);
    if (found == spec.info.end()) {
      throw std::invalid_argument("info column '" + name +
                                  "' is unknown; allowed: " + Names(spec.info));
    }
    const auto index = static_cast<std::size_t>(found - spec.info.begin());
    if (std::ranges::find(chosen, index) != chosen.end()) {
      throw std::invalid_argument("an info column is chosen twice: " + name);
    }
    chosen.push_back(index);
  }
  return chosen;
}

BatchSettings MakeSettings(const VectorEnvironmentConfig& config, std::size_t num_rows) {
  const EnvironmentConfig& environment = config.environment;
  EnvironmentSpec spec = MakeSpec(environment);
  std::vector<std::size_t> chosen_info = ChooseInfo(spec, config.info_columns);
  return {environment,      std::move(spec),        Observer(environment.observation),
          config.autoreset, std::move(chosen_info), num_rows,
          config.starts};
}

// Null when no state is to be kept.
std::unique_ptr<StateArchive> MakeArchive(const VectorEnvironmentConfig& config,
                                          const std::vector<std::unique_ptr<GameGroup>>& groups,
                                          const std::vector<RowConfig>& rows) {
  if (!(config.starts.start_share >= 0 && config.starts.start_share <= 1)) {
    throw std::invalid_argument("starts.start_share must be in [0, 1]");
  }
  if (config.archive.every_m == 0) {
    if (config.starts.at == StartPlace::kStart) return nullptr;
    throw std::invalid_argument(
        "starts are at kept states, but archive.every_m is 0: none is kept");
  }
  std::vector<StateArchive::Row> archived;
  for (const auto& group : groups) {
    for (int slot = 0; slot < group->num_slots(); ++slot) {
      const RowConfig& row = rows[archived.size()];
      archived.push_back({group->kind(), row.track_hash, row.centreline.get()});
    }
  }
  return std::make_unique<StateArchive>(config.archive, archived);
}

void CheckGames(const EnvironmentConfig& config,
                const std::vector<std::unique_ptr<GameGroup>>& groups) {
  const std::string parameter(VariedVehicleParameter(config.randomisation));
  if (parameter.empty()) return;
  for (const auto& group : groups) {
    if (group->can_vary_vehicle()) continue;
    throw std::invalid_argument("randomisation." + parameter +
                                " cannot be applied to games of kind '" +
                                std::string(group->kind()) + "'");
  }
}

std::shared_ptr<WorkerPool> PoolOf(const VectorEnvironmentConfig& config, std::size_t num_groups) {
  if (config.workers != nullptr) return config.workers;
  if (config.num_threads < 1) throw std::invalid_argument("num_threads must be at least 1");
  return std::make_shared<WorkerPool>(std::min(config.num_threads, static_cast<int>(num_groups)));
}

}  // namespace

struct VectorEnvironment::Impl {
  Impl(const VectorEnvironmentConfig& config, std::vector<std::unique_ptr<GameGroup>> groups,
       std::vector<RowConfig> rows);

  GroupRunner& RunnerOf(std::int32_t row);
  // REQUIRES: those of n rows.
  void CheckSizes(const BatchView& out, std::size_t n) const;
  void CheckSizes(const ActionView& actions, std::size_t n) const;
  template <class Job>
  void RunOnGroups(const Job& job);
  // The final observations of those rows of the batch that have one.
  BatchResult WriteFinals(std::span<const std::int32_t> rows, const BatchView& out);

  // Of the rows of a call that are not under way: when others are computed depends on their groups.
  // In row order, whatever order they are named in.
  void GatherStates(std::span<const std::int32_t> rows);

  // Until `count` rows have arrived, none is under way any more, or the deadline has passed.
  void AwaitArrivals(std::size_t count, Deadline deadline);
  void NoteArrivals();

  std::unique_ptr<StateArchive> archive;  // null: off
  BatchSettings settings;
  std::vector<InfoColumn> info_columns;
  std::vector<GroupRunner> runners;
  std::shared_ptr<WorkerPool> pool;
  std::vector<std::int32_t> all_rows;
  std::vector<std::int32_t> sorted_rows;  // of the call under way
  int num_under_way = 0;
  std::vector<std::int32_t> arrived;  // under way, and done
  std::vector<GroupRunner*> awaited;  // groups that rows under way wait for
  tminterface::Backoff backoff;       // between two looks at several of them
};

VectorEnvironment::Impl::Impl(const VectorEnvironmentConfig& config,
                              std::vector<std::unique_ptr<GameGroup>> groups,
                              std::vector<RowConfig> rows)
    : settings(MakeSettings(config, rows.size())), pool(PoolOf(config, groups.size())) {
  CheckGames(config.environment, groups);
  std::size_t slots = 0;
  for (const auto& group : groups) slots += Size(group->num_slots());
  if (slots != rows.size()) {
    throw std::invalid_argument("there are " + std::to_string(rows.size()) +
                                " rows, but the groups have " + std::to_string(slots) + " slots");
  }
  archive = MakeArchive(config, groups, rows);
  settings.archive = archive.get();
  for (const std::size_t column : settings.chosen_info) {
    info_columns.push_back(settings.spec.info[column]);
  }
  all_rows.resize(rows.size());
  std::iota(all_rows.begin(), all_rows.end(), 0);
  sorted_rows.reserve(rows.size());
  arrived.reserve(rows.size());
  awaited.reserve(groups.size());
  runners.reserve(groups.size());
  std::size_t first_row = 0;
  for (auto& group : groups) {
    const std::size_t count = Size(group->num_slots());
    runners.emplace_back(settings, std::move(group), first_row,
                         std::span(rows).subspan(first_row, count));
    first_row += count;
  }
}

GroupRunner& VectorEnvironment::Impl::RunnerOf(std::int32_t row) {
  assert(row >= 0 && Size(row) < settings.num_rows);
  return *std::prev(std::ranges::upper_bound(runners, Size(row), {}, &GroupRunner::first_row));
}

void VectorEnvironment::Impl::CheckSizes([[maybe_unused]] const BatchView& out,
                                         [[maybe_unused]] std::size_t n) const {
  [[maybe_unused]] const std::size_t d = settings.spec.observation.size();
  [[maybe_unused]] const std::size_t c = settings.chosen_info.size();
  assert(out.observations.size() == n * d && out.rewards.size() == n);
  assert(out.terminated.size() == n && out.truncated.size() == n && out.status.size() == n);
  assert(out.info.size() == c * n * 4);
  assert(settings.autoreset != Autoreset::kSameStep ||
         (out.final_rows.size() == n && out.final_observations.size() == n * d &&
          out.final_info.size() == c * n * 4));
}

void VectorEnvironment::Impl::CheckSizes([[maybe_unused]] const ActionView& actions,
                                         [[maybe_unused]] std::size_t n) const {
  [[maybe_unused]] const bool is_discrete = settings.spec.action.kind == ActionKind::kDiscrete;
  [[maybe_unused]] const std::size_t k = Size(settings.spec.action.size());
  assert(actions.discrete.size() == (is_discrete ? n : 0));
  assert(actions.continuous.size() == (is_discrete ? 0 : n * k));
}

template <class Job>
void VectorEnvironment::Impl::RunOnGroups(const Job& job) {
  pool->Run(static_cast<int>(runners.size()), [&](int i) { job(runners[Size(i)]); });
}

BatchResult VectorEnvironment::Impl::WriteFinals(std::span<const std::int32_t> rows,
                                                 const BatchView& out) {
  if (settings.autoreset != Autoreset::kSameStep) return {};
  std::size_t k = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (out.status[i] != static_cast<std::uint8_t>(RowStatus::kOk)) continue;
    const GroupRunner& runner = RunnerOf(rows[i]);
    if (runner.has_final(Size(rows[i]))) runner.WriteFinal(Size(rows[i]), k++, out);
  }
  return {static_cast<int>(k)};
}

void VectorEnvironment::Impl::GatherStates(std::span<const std::int32_t> rows) {
  if (archive == nullptr) return;
  if (!std::ranges::is_sorted(rows)) {
    sorted_rows.assign(rows.begin(), rows.end());
    std::ranges::sort(sorted_rows);
    rows = sorted_rows;
  }
  auto runner = runners.begin();
  for (const std::int32_t row : rows) {
    while (Size(row) >= runner->end_row()) ++runner;
    if (!runner->is_sent(Size(row))) archive->Gather(Size(row));
  }
}

void VectorEnvironment::Impl::NoteArrivals() {
  const auto before = static_cast<std::ptrdiff_t>(arrived.size());
  for (GroupRunner& runner : runners) runner.TakeArrived(arrived);
  if (std::ssize(arrived) == before) return;
  std::sort(arrived.begin() + before, arrived.end());
  backoff.Reset();
}

void VectorEnvironment::Impl::AwaitArrivals(std::size_t count, Deadline deadline) {
  backoff.Reset();
  while (arrived.size() < count) {
    // Rows that were done in some other call since the last look arrive with those of this one, so
    // that their order does not depend on which share a group.
    bool is_news = false;
    awaited.clear();
    for (GroupRunner& runner : runners) {
      is_news |= runner.has_arrived();
      if (runner.has_sent()) awaited.push_back(&runner);
    }
    if (awaited.empty() && !is_news) return;
    // One group waits by itself; of several each is only looked at, so that none holds up another.
    const bool is_alone = awaited.size() == 1 && !is_news;
    pool->Run(static_cast<int>(awaited.size()),
              [&](int i) { awaited[Size(i)]->Collect(is_alone ? deadline : kAtOnce); });
    NoteArrivals();
    if (Clock::now() >= deadline) return;
    const bool has_more = std::ranges::any_of(runners, &GroupRunner::has_sent);
    if (!is_alone && has_more && arrived.size() < count) backoff.Pause(deadline);
  }
}

VectorEnvironment::VectorEnvironment(const VectorEnvironmentConfig& config,
                                     std::vector<std::unique_ptr<GameGroup>> groups,
                                     std::vector<RowConfig> rows) {
  const sim::FloatingPointGuard guard;
  impl_ = std::make_unique<Impl>(config, std::move(groups), std::move(rows));
}

VectorEnvironment::~VectorEnvironment() = default;

int VectorEnvironment::num_rows() const { return static_cast<int>(impl_->settings.num_rows); }
const EnvironmentSpec& VectorEnvironment::spec() const { return impl_->settings.spec; }
std::span<const InfoColumn> VectorEnvironment::info_columns() const { return impl_->info_columns; }
Autoreset VectorEnvironment::autoreset() const { return impl_->settings.autoreset; }
bool VectorEnvironment::keeps_states() const { return impl_->archive != nullptr; }

void VectorEnvironment::Reset(const ResetOptions& options, const BatchView& out) {
  [[maybe_unused]] const std::size_t n = impl_->settings.num_rows;
  impl_->CheckSizes(out, n);
  assert(options.mask.empty() || options.mask.size() == n);
  assert(options.seeds.empty() || options.seeds.size() == n);
  assert(options.snapshots.empty() || options.snapshots.size() == n);
  impl_->RunOnGroups([&](GroupRunner& runner) { runner.Reset(options, out); });
}

BatchResult VectorEnvironment::Step(const ActionView& actions, const BatchView& out) {
  impl_->CheckSizes(actions, impl_->settings.num_rows);
  impl_->CheckSizes(out, impl_->settings.num_rows);
  impl_->RunOnGroups([&](GroupRunner& runner) { runner.Step(actions, out); });
  impl_->GatherStates(impl_->all_rows);
  return impl_->WriteFinals(impl_->all_rows, out);
}

BatchResult VectorEnvironment::Step(std::span<const std::int32_t> rows, const ActionView& actions,
                                    const BatchView& out) {
  const sim::FloatingPointGuard guard;
  impl_->CheckSizes(actions, rows.size());
  impl_->CheckSizes(out, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    impl_->RunnerOf(rows[i]).BeginStep(Size(rows[i]), actions, i, out);
  }
  impl_->RunOnGroups([&](GroupRunner& runner) { runner.Finish(out); });
  impl_->GatherStates(rows);
  return impl_->WriteFinals(rows, out);
}

void VectorEnvironment::Send(std::span<const std::int32_t> rows, const ActionView& actions) {
  const sim::FloatingPointGuard guard;
  impl_->CheckSizes(actions, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    impl_->RunnerOf(rows[i]).Send(Size(rows[i]), actions, i);
  }
  for (GroupRunner& runner : impl_->runners) runner.StartCommands();
  impl_->num_under_way += static_cast<int>(rows.size());
}

RecvResult VectorEnvironment::Recv(std::span<std::int32_t> rows, Deadline deadline,
                                   const BatchView& out) {
  impl_->CheckSizes(out, rows.size());
  impl_->AwaitArrivals(rows.size(), deadline);
  std::vector<std::int32_t>& arrived = impl_->arrived;
  const auto received = rows.first(std::min(rows.size(), arrived.size()));
  std::copy_n(arrived.begin(), received.size(), received.begin());
  arrived.erase(arrived.begin(), arrived.begin() + std::ssize(received));
  const int num_rows = static_cast<int>(received.size());
  impl_->num_under_way -= num_rows;

  const std::size_t num_jobs = (received.size() + kRowsPerJob - 1) / kRowsPerJob;
  impl_->pool->Run(static_cast<int>(num_jobs), [&](int job) {
    const std::size_t begin = Size(job) * kRowsPerJob;
    for (std::size_t i = begin; i < std::min(begin + kRowsPerJob, received.size()); ++i) {
      impl_->RunnerOf(received[i]).Receive(Size(received[i]), i, out);
    }
  });
  impl_->GatherStates(received);
  return {num_rows, impl_->WriteFinals(received, out).num_final};
}

bool VectorEnvironment::is_under_way(int row) const {
  return impl_->RunnerOf(row).is_sent(Size(row));
}

int VectorEnvironment::num_under_way() const { return impl_->num_under_way; }

bool VectorEnvironment::Save(int row, std::vector<std::byte>& out) {
  return impl_->RunnerOf(row).Save(Size(row), out);
}

std::vector<std::byte> VectorEnvironment::Save(int row) {
  std::vector<std::byte> bytes;
  Save(row, bytes);
  return bytes;
}

void VectorEnvironment::Restore(std::span<const std::span<const std::byte>> snapshots,
                                const BatchView& out) {
  impl_->CheckSizes(out, impl_->settings.num_rows);
  assert(snapshots.size() == impl_->settings.num_rows);
  impl_->RunOnGroups([&](GroupRunner& runner) { runner.Restore(snapshots, out); });
}

tl::expected<void, std::string> VectorEnvironment::Restore(int row,
                                                           std::span<const std::byte> snapshot,
                                                           const BatchView& out) {
  impl_->CheckSizes(out, impl_->settings.num_rows);
  return impl_->RunnerOf(row).Restore(Size(row), snapshot, out);
}

void VectorEnvironment::Branch(int row, std::span<const std::uint8_t> mask, const BatchView& out) {
  const std::size_t n = impl_->settings.num_rows;
  assert(mask.empty() || mask.size() == n);
  const std::vector<std::byte> state = Save(row);
  std::vector<std::span<const std::byte>> states(n);
  for (std::size_t r = 0; r < n; ++r) {
    if (mask.empty() || mask[r] != 0) states[r] = state;
  }
  Restore(states, out);
  if (!state.empty()) return;
  for (std::size_t r = 0; r < n; ++r) {
    if (!mask.empty() && mask[r] == 0) continue;
    const bool waits = is_under_way(row) || is_under_way(static_cast<int>(r));
    out.status[r] = static_cast<std::uint8_t>(waits ? RowStatus::kUnderWay : RowStatus::kNotReset);
  }
}

tl::expected<void, std::string> VectorEnvironment::Check(
    std::span<const std::byte> snapshot) const {
  const auto header = ReadSnapshotHeader(snapshot);
  if (!header) return tl::unexpected(header.error());
  for (const GroupRunner& runner : impl_->runners) {
    for (std::size_t r = runner.first_row(); r < runner.end_row(); ++r) {
      const SnapshotOrigin here = runner.OriginOf(r);
      if (header->origin.game_kind != here.game_kind) continue;
      if (header->origin.track_hash != here.track_hash) continue;
      return OpenSnapshot(snapshot, here, runner.line(r), SnapshotUse::kReset)
          .map([](const OpenedSnapshot&) {});
    }
  }
  return tl::unexpected<std::string>("no row has the snapshot's kind of game and track");
}

const GameState& VectorEnvironment::game_state(int row) const {
  return impl_->RunnerOf(row).state(Size(row));
}

const RowRecord& VectorEnvironment::record(int row) const {
  return impl_->RunnerOf(row).record(Size(row));
}

BatchBuffer::BatchBuffer(const VectorEnvironment& environment)
    : BatchBuffer(environment, environment.num_rows()) {}

BatchBuffer::BatchBuffer(const VectorEnvironment& environment, int num_rows) {
  const std::size_t n = Size(num_rows);
  const std::size_t d = Size(environment.spec().observation_size());
  const std::size_t c = environment.info_columns().size();
  observations.resize(n * d);
  final_observations.resize(n * d);
  rewards.resize(n);
  terminated.resize(n);
  truncated.resize(n);
  status.resize(n);
  info.resize(c * n * 4);
  final_info.resize(c * n * 4);
  final_rows.resize(n);
}

BatchView BatchBuffer::view() {
  return {observations, rewards,    terminated,         truncated, status,
          info,         final_rows, final_observations, final_info};
}

}  // namespace hotlap
