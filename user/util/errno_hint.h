// What can be tried when the kernel says no: one table from errno to a hint.
#pragma once

#include <string>

namespace numadrift {

// Something of the machine is used up, whatever was asked for. Empty for other errors.
std::string resource_hint(int error);

// A file could not be made or written. Empty where nothing sensible can be tried.
std::string file_hint(int error);

} // namespace numadrift
