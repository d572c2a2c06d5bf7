#include "agents/training_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace hotlap::agents {
namespace {

// The shortest text that reads as the same number.
std::string Number(double value) {
  if (!std::isfinite(value)) return {};
  std::array<char, 40> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::string(text.data(), end) : std::string();
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
  file_.open(path_, std::ios::trunc);
  if (!file_) throw std::runtime_error("cannot write " + path_.string());
  for (const std::vector<double>& row : rows_) {
    if (&row == &rows_.front()) {
      for (const std::string& name : names_) file_ << (&name == names_.data() ? "" : ",") << name;
      file_ << '\n';
    }
    Write(row);
  }
}

void TrainingLog::Read(std::int64_t resume_after) {
  std::ifstream file(path_);
  std::string line;
  if (!std::getline(file, line)) return;  // it was stopped before there was a row
  names_ = Cells(line);
  if (names_.empty()) throw std::runtime_error(path_.string() + ":1: no names of columns");
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
      // A line that was being written when the machine stopped.
      if (file.peek() == std::ifstream::traits_type::eof()) break;
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
    for (const auto& [name, value] : row) {
      file_ << (names_.empty() ? "" : ",") << name;
      names_.push_back(name);
    }
    file_ << '\n';
  }
  if (!std::ranges::equal(row, names_, {}, &TrainingRow::value_type::first)) {
    throw std::runtime_error(path_.string() + ": its columns are those of another training");
  }
  std::vector<double>& values = rows_.emplace_back();
  for (const auto& [name, value] : row) values.push_back(value);
  Write(values);
}

void TrainingLog::Write(const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    file_ << (i == 0 ? "" : ",") << Number(values[i]);
  }
  file_ << '\n' << std::flush;
  if (!file_) throw std::runtime_error("cannot write " + path_.string());
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
