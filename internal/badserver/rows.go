package badserver

import "testing"

// An FTPRow is a way for an FTP or FTPS server to misbehave.
type FTPRow struct {
	Name   string
	TLS    bool // FTPS
	Silent bool // somewhere the server says nothing for ever: a client wants a short time limit
	Faults []Fault
}

// Start starts such a server.
func (r FTPRow) Start(t testing.TB) *FTP {
	t.Helper()
	return newFTP(t, r.TLS, r.Faults)
}

// FTPRows returns every way, each by a name of its own.
func FTPRows() []FTPRow {
	var rows []FTPRow
	for _, some := range [][]FTPRow{
		replyRows(), floodRows(), hostileRows(), passiveRows(), dataRows(), earlyRows(), completeRows(), lostRows(),
		sizeRows(), digestRows(), storedRows(), loginRows(), busyRows(), silentRows(), refusedRows(), renameRows(),
		folderRows(), lossRows(), tellRows(), windowsRows(), nameRows(), stepRows(), FormRows(), authRows(), handshakeRows(), certificateRows(),
	} {
		rows = append(rows, some...)
	}
	return rows
}

// row is a fault that is there always.
func row(name, step string, do Action) FTPRow {
	return FTPRow{Name: name, Faults: []Fault{Always(step, do)}}
}

// once is a fault that is there the first time.
func once(name, step string, do Action) FTPRow {
	return FTPRow{Name: name, Faults: []Fault{Once(step, do)}}
}

// silent marks a row in which the server says nothing for ever.
func silent(r FTPRow) FTPRow {
	r.Silent = true
	return r
}

// with adds faults to a row.
func with(r FTPRow, faults ...Fault) FTPRow {
	r.Faults = append(r.Faults, faults...)
	return r
}
