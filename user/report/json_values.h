// How values of a report become JSON, for all documents alike.
#pragma once

#include "timeline/ids.h"

#include <cmath>
#include <fmt/core.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>

namespace numadrift {

using Json = nlohmann::ordered_json;

inline std::string key(Node node) {
    return fmt::format("{}", raw(node));
}

// Shares to four digits: more would be noise, and differ between machines.
inline double rounded(double value) {
    return std::round(value * 10000) / 10000;
}

inline Json rounded_or_null(const std::optional<double>& value) {
    return value ? Json(rounded(*value)) : Json(nullptr);
}

template <class Value> Json by_node(const std::map<Node, Value>& values) {
    Json object = Json::object();
    for (const auto& [node, value] : values) {
        if constexpr (std::is_floating_point_v<Value>) object[key(node)] = rounded(value);
        else object[key(node)] = value;
    }
    return object;
}

} // namespace numadrift
