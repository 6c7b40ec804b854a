// Command bod is the back-office daemon.
package main

func main() {}
