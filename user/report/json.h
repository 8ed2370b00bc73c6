// The report as JSON, schema numadrift.report/1: keys are a contract, more may be added.
#pragma once

#include "report/groups.h"
#include "report/json_values.h"

#include <optional>
#include <string>

namespace numadrift {

// The document. group_by: adds the key "groups".
Json to_json(const Report& report, std::optional<GroupBy> group_by = {});

// Indented by two, keys in a fixed order, a newline at the end. Names with bytes that are no
// UTF-8 have them replaced.
std::string render_json(const Report& report, std::optional<GroupBy> group_by = {});

} // namespace numadrift
