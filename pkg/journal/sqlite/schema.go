package sqlite

// applicationID marks a file as a journal: "CPUj", in the header of every SQLite file at offset 68.
const applicationID = 0x4350556a

// A format is what a program can read and write.
type format struct {
	version int      // user_version, in the header at offset 60
	schema  string   // of a new file
	steps   []string // steps[n] makes version n+1 of a file of version n; "" if no such file ever existed
}

// current returns the format of this program. A change to the schema is a new version, and a step that makes it from the one
// before.
func current() format {
	return format{version: 1, schema: schema, steps: []string{""}}
}

const schema = `
CREATE TABLE streams (
	id      INTEGER PRIMARY KEY,
	rollout TEXT NOT NULL,
	phone   TEXT NOT NULL,
	UNIQUE (rollout, phone)
) STRICT;
CREATE TABLE events (
	seq    INTEGER PRIMARY KEY AUTOINCREMENT,
	stream INTEGER NOT NULL REFERENCES streams (id),
	at     INTEGER NOT NULL,
	kind   TEXT NOT NULL,
	data   TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_stream ON events (stream, seq);
CREATE TABLE names (
	name   TEXT NOT NULL,
	stream INTEGER NOT NULL REFERENCES streams (id),
	PRIMARY KEY (name, stream)
) STRICT, WITHOUT ROWID;
CREATE VIEW journal AS
	SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, rollout, phone, kind, data
	FROM events JOIN streams ON streams.id = events.stream ORDER BY seq;
`
