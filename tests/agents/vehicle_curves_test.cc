#include "agents/vehicle_curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The mean of the curve over the span, or its value where the span is a place.
float MeanOver(const VehicleCurve& curve, float from, float to) {
  float sum = 0;
  int count = 0;
  for (std::size_t i = 1; i < curve.points.size(); ++i) {
    const CurvePoint &a = curve.points[i - 1], &b = curve.points[i];
    if (from == to && a.x <= from && from <= b.x && a.x < b.x) {
      return a.y + (b.y - a.y) * (from - a.x) / (b.x - a.x);
    }
    if (b.x < from || b.x > to) continue;
    sum += b.y;
    ++count;
  }
  return count > 0 ? sum / static_cast<float>(count) : std::nanf("");
}

TEST(VehicleCurvesTest, EveryMeasuredRowIsMetWithinWhatIsDrawnAsAllowed) {
  for (const VehicleCurve& curve : DriveVehicleCurves({})) {
    EXPECT_THAT(curve.rows, Not(IsEmpty())) << curve.title;
    for (const MeasuredRow& row : curve.rows) {
      const float mean = MeanOver(curve, row.x_from, row.x_to);
      EXPECT_GE(mean, row.low - MarginOf(curve, row.low)) << curve.title << " at " << row.x_from;
      EXPECT_LE(mean, row.high + MarginOf(curve, row.high)) << curve.title << " at " << row.x_from;
    }
  }
}

TEST(VehicleCurvesTest, DrivesACarThatNothingSlowsAndThatNoPadPushes) {
  sim::VehicleParams params;
  params.turbo_time_s = params.engine_brake_mps2 = params.drag_per_m = 0;
  for (const VehicleCurve& curve : DriveVehicleCurves(params)) {
    EXPECT_THAT(curve.points, Not(IsEmpty())) << curve.title;
  }
}

TEST(VehicleCurvesTest, DrawsAPanelForEachCurve) {
  const std::vector<VehicleCurve> curves = DriveVehicleCurves({});
  std::ostringstream out;
  WriteVehicleCurves(out, curves);
  for (const VehicleCurve& curve : curves) EXPECT_THAT(out.str(), HasSubstr(curve.title));
  EXPECT_TRUE(out.str().ends_with("</svg>\n"));
}

}  // namespace
}  // namespace hotlap::agents
