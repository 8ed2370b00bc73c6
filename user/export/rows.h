// Writes the tables of a report: NDJSON, a line for each row and all tables in one file, or CSV, one table a
// file.
#pragma once

#include "export/tables.h"
#include "util/output.h"

#include <string>
#include <vector>

namespace numadrift::tables {

// {"record": table, column: value, …} a line, in ASCII; what is not known is left out. Bytes that are no
// UTF-8 are replaced.
void write_ndjson(const Report& report, const std::vector<const Table*>& which, Output& out);

// RFC 4180 with a heading; what is not known is empty. Control characters and bytes that are no UTF-8 are
// written as \xNN: what shows a CSV file is often a terminal.
void write_csv(const Report& report, const Table& table, Output& out);

} // namespace numadrift::tables
