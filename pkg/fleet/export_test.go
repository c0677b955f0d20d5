package fleet

// AnyDoor has the second door tried for phones on any port.
func AnyDoor(o *Options) { o.anyDoor = true }
