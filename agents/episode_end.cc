#include "agents/episode_end.h"

#include <cmath>

namespace hotlap::agents {

EpisodeEndReader::EpisodeEndReader(const transport::LearnerEnvironment& environment)
    : end_reason_(environment, "end_reason"),
      length_(environment, "episode_length"),
      return_(environment, "episode_return"),
      finish_time_(environment, "finish_time"),
      full_lap_(environment, "full_lap") {}

template <typename Read>
EpisodeEnd EpisodeEndReader::ReadWith(const Read& read, int row) const {
  return {.row = row,
          .reason = static_cast<EndReason>(std::lround(read(end_reason_))),
          .steps = static_cast<int>(read(length_)),
          .episode_return = read(return_),
          .finish_time_ms = static_cast<int>(read(finish_time_)),
          .is_full_lap = read(full_lap_) != 0};
}

EpisodeEnd EpisodeEndReader::operator()(const transport::ConstBatchView& batch, std::size_t line,
                                        int row) const {
  return ReadWith([&](const InfoReader& column) { return column(batch, line); }, row);
}

EpisodeEnd EpisodeEndReader::AtEnd(const transport::ConstBatchView& batch, std::size_t end,
                                   int row) const {
  return ReadWith([&](const InfoReader& column) { return column.AtEnd(batch, end); }, row);
}

tl::expected<void, transport::Refusal> CheckRow(const transport::ConstBatchView& batch,
                                                std::size_t line, int row) {
  if (batch.status[line] == static_cast<std::uint8_t>(RowStatus::kOk)) return {};
  return transport::Refuse(transport::Status::kUnknownError,
                           "row " + std::to_string(row) + " was refused with row status " +
                               std::to_string(batch.status[line]));
}

}  // namespace hotlap::agents
