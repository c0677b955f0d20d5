package option

// maxDescriptors returns 0: Windows has no such limit for a process.
func maxDescriptors() int { return 0 }
