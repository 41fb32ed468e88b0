#!/bin/sh
# Stands in for ps(1), which this machine lacks. What it tells it reads in /proc, as the real one does.
users=yes
for word; do
  case $word in *pid,args*) users= ;; esac
done
row() { if [ "$users" ]; then printf '%5s %-8s %s\n' "$1" "$2" "$3"; else printf '%5s %s\n' "$1" "$3"; fi; }
row PID USER COMMAND
for process in /proc/[0-9]*; do
  name='' user=''
  while read -r key value _; do
    case $key in
      Name:) name=$value ;;
      Uid:) user=$value ;;
    esac
  done 2>/dev/null < "$process/status" || continue
  [ "$name" ] || continue
  [ "$user" = 0 ] && user=root
  command=$(tr '\0' ' ' 2>/dev/null < "$process/cmdline")
  row "${process#/proc/}" "$user" "${command:-[$name]}"
done
