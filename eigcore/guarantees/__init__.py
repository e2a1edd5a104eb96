"""What is proven and explained: slopes, boxes, certificates, contributions."""
