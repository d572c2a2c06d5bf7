#include "agents/training_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

// The shortest text that reads as the same number.
std::string Number(double value) {
  if (!std::isfinite(value)) return {};
  std::array<char, 40> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::string(text.data(), end) : std::string();
}

std::string Line(const std::vector<double>& values) {
  std::string line;
  for (std::size_t i = 0; i < values.size(); ++i) line += (i == 0 ? "" : ",") + Number(values[i]);
  return line + '\n';
}

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
  if (line.ends_with(',')) cells.emplace_back();
  return cells;
}

}  // namespace

TrainingLog::TrainingLog(std::filesystem::path path, std::int64_t resume_after)
    : path_(std::move(path)) {
  if (resume_after >= 0) Read(resume_after);
  std::string kept;
  if (!rows_.empty()) kept = NamesLine();
  for (const std::vector<double>& row : rows_) kept += Line(row);
  WriteWholeFile(path_, kept);
  file_.open(path_, std::ios::app);
  if (!file_) throw std::runtime_error("cannot write " + path_.string());
}

void TrainingLog::Read(std::int64_t resume_after) {
  if (!std::filesystem::exists(path_)) return;
  std::string text = ReadWholeFile(path_, kMaxBytes);
  // What follows the last end of a line was being written when the machine stopped.
  text.resize(text.rfind('\n') + 1);
  std::istringstream file(text);
  std::string line;
  if (!std::getline(file, line)) return;  // it was stopped before there was a row
  names_ = Cells(line);
  if (names_.empty() || names_.front() != "steps") {
    throw std::runtime_error(path_.string() + ":1: the first column must be steps");
  }
  for (int number = 2; std::getline(file, line); ++number) {
    std::vector<double> row;
    for (const std::string& cell : Cells(line)) {
      double value = std::numeric_limits<double>::quiet_NaN();
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      if (!cell.empty() && (error != std::errc() || end != cell.data() + cell.size())) {
        throw std::runtime_error(path_.string() + ":" + std::to_string(number) + ": '" +
                                 cell.substr(0, 40) + "' is no number");
      }
      row.push_back(value);
    }
    if (row.size() != names_.size()) {
      throw std::runtime_error(path_.string() + ":" + std::to_string(number) + ": " +
                               std::to_string(row.size()) + " numbers instead of " +
                               std::to_string(names_.size()));
    }
    if (!(row.front() <= static_cast<double>(resume_after))) break;
    rows_.push_back(std::move(row));
  }
  if (rows_.empty()) names_.clear();
}

void TrainingLog::Add(const TrainingRow& row) {
  if (names_.empty()) {
    for (const auto& [name, value] : row) names_.push_back(name);
    file_ << NamesLine();
  }
  std::vector<double> values(names_.size(), std::numeric_limits<double>::quiet_NaN());
  for (const auto& [name, value] : row) {
    const auto found = std::ranges::find(names_, name);
    if (found == names_.end()) {
      throw std::runtime_error(path_.string() + ": its columns are those of another training");
    }
    values[static_cast<std::size_t>(found - names_.begin())] = value;
  }
  file_ << Line(values) << std::flush;
  rows_.push_back(std::move(values));
  if (!file_) throw std::runtime_error("cannot write " + path_.string());
}

std::string TrainingLog::NamesLine() const {
  std::string line;
  for (const std::string& name : names_) line += (line.empty() ? "" : ",") + name;
  return line + '\n';
}

std::vector<double> TrainingLog::Column(std::string_view name) const {
  std::vector<double> column;
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return column;
  const auto index = static_cast<std::size_t>(found - names_.begin());
  for (const std::vector<double>& row : rows_) column.push_back(row[index]);
  return column;
}

}  // namespace hotlap::agents
