// The report as one HTML file that needs nothing else: it opens offline, on a phone or a wall screen. What
// comes from outside (names, marks) is in compressed data only, or escaped: never markup.
//
// Owns: the file. Does not own: what the page does (page.html, page.css, *.js beside this).
#pragma once

#include "report/report.h"
#include "util/output.h"

#include <string>

namespace numadrift::html {

// file: of the trace, for the title.
void write(Report report, const std::string& file, Output& out);

} // namespace numadrift::html
