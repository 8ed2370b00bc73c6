// What a writer puts into its Output.
#pragma once

#include "temporary.h"
#include "util/output.h"

#include <doctest/doctest.h>
#include <functional>
#include <string>

namespace numadrift::test {

inline std::string written(const std::function<void(Output&)>& write) {
    const Temporary file;
    auto out = Output::open(file.path());
    REQUIRE(out);
    write(*out);
    REQUIRE(out->finish());
    return file.read();
}

} // namespace numadrift::test
