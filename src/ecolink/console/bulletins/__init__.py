"""情报通报: intelligence written here and told by others, from the draft to the recall and its compliance."""
