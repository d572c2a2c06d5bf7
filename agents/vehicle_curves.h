// What a car does on a flat road, as curves beside the rows that were measured of the Stadium car
// (docs/vehicle.md tells where they are from).
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "env/sim/vehicle_params.h"

namespace hotlap::agents {

struct CurvePoint {
  float x = 0, y = 0;
};

// A measured row: y lies between low and high from x_from to x_to.
struct MeasuredRow {
  float x_from = 0, x_to = 0;
  float low = 0, high = 0;
};

struct VehicleCurve {
  std::string title, x_label, y_label;
  std::vector<CurvePoint> points;  // x increases
  std::vector<MeasuredRow> rows;
  float tolerance = 0;  // what the tests allow around a row: below 1 a share of it, else y units
};
float MarginOf(const VehicleCurve& curve, float measured);

// Launch, acceleration, turbo, full-lock yaw rate, coasting and free fall; takes about a second.
std::vector<VehicleCurve> DriveVehicleCurves(const sim::VehicleParams& params);

// One picture, two columns of panels.
void WriteVehicleCurves(std::ostream& out, const std::vector<VehicleCurve>& curves);

}  // namespace hotlap::agents
