#!/bin/sh
cups=0
while :; do
    cups=$((cups + 1))
    echo "coffee number $cups"
    sleep 1
done
