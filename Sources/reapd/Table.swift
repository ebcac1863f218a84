/// Prints rows below their headings, in columns.
func printTable(_ head: [String], _ rows: [[String]]) {
  let widths = head.indices.map { column in
    ([head] + rows).map { $0[column].count }.max() ?? 0
  }
  for row in [head] + rows {
    let cells = zip(row, widths).dropLast().map { cell, width in
      cell + String(repeating: " ", count: width - cell.count)
    }
    printLine((cells + [row[row.count - 1]]).joined(separator: "  "))
  }
}
